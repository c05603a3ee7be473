from fer_bench.hashing import derive_seed, digest


def test_seeds_belong_to_their_words():
    seeds = {
        derive_seed("a", 1),
        derive_seed("a", 2),
        derive_seed("b", 1),
        derive_seed("a1"),
        derive_seed("a", "1"),
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed("trial", 0) == 1366917614, "the same on every machine and in every version"
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
