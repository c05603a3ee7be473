import pytest

from fer_bench.errors import UserError, check_name, phrase


def test_a_phrase_is_one_line_and_no_longer_than_asked_for():
    error = ValueError("first line\n\tsecond   line")
    assert phrase(error) == "first line second line"
    assert phrase(error, 5) == "first"
    assert len(phrase(ValueError("x" * 1000))) == 200


@pytest.mark.parametrize("name", ["mine", "a", "_x", "2", "a-b.c_d", "x" * 64])
def test_a_name_that_a_folder_and_a_command_can_have_is_fine(name):
    check_name("study", name)


@pytest.mark.parametrize("name", ["", "-x", ".x", "a/b", "a b", "ä", "x" * 65, "x\n"])
def test_any_other_name_is_refused_with_the_rule(name):
    with pytest.raises(UserError, match=r"^study .*: expected 1 to 64 of a-z.*; rename it$"):
        check_name("study", name)
