#!/usr/bin/env python3
"""What a header takes from others, for the benchmark of compile times.   parts_of_header_tests.py FOLDER_OF_THE_BENCHMARK"""
import pathlib
import sys
import tempfile
import unittest


class PartsOfHeader(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="larder_includes_")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def test_through_own_headers_in_the_order_of_the_compiler(self):
        self.write("larder/a.hpp", "#pragma once\n#include <larder/b.hpp>\n#include <vector>\n#include <string>\n")
        self.write("larder/b.hpp", '#include <larder/c.hpp>\n#  include "zstd.h"\n// #include <no>\n#include <vector>\n')
        self.write("larder/c.hpp", "#include <larder/b.hpp>\n#include <map>\n")
        self.assertEqual(outside_includes(self.root, "larder/a.hpp"), ["map", "zstd.h", "vector", "string"])
        self.assertEqual(outside_includes(self.root, "larder/c.hpp"), ["zstd.h", "vector", "map"])
        self.assertEqual(direct_includes(self.root, "larder/b.hpp"), ["larder/c.hpp", "zstd.h", "vector"])

    def test_a_header_without_any(self):
        self.write("larder/a.hpp", "int a;\n")
        self.assertEqual(outside_includes(self.root, "larder/a.hpp"), [])

    def test_what_is_defined_before_one_is_defined_here_too(self):
        self.assertEqual(text_of(["map", "xxhash.h"]),
                         "#if __has_include(<map>)\n#include <map>\n#endif\n"
                         "#if __has_include(<xxhash.h>)\n#define XXH_INLINE_ALL\n#include <xxhash.h>\n#endif\n")


if __name__ == "__main__":
    sys.path.insert(0, sys.argv.pop(1))
    from parts_of_header import direct_includes, outside_includes, text_of
    unittest.main()
