collect_ignore = ["plug_in"]  # a package with tests of its own, which are run where it is installed
