#!/usr/bin/env python3
"""What tools/site/headers.py makes of headers.   headers_tests.py"""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/site"))

import headers  # noqa: E402


def read(text):
    return [e for e in headers.Reader(text).read() if not e.hidden]


def named(entries, name):
    found = [e for e in entries if e.name == name]
    assert len(found) == 1, f"{name}: {[e.name for e in entries]}"
    return found[0]


class Reading(unittest.TestCase):
    def test_a_comment_belongs_to_the_declaration_below_it(self):
        entries = read("namespace a {\n/// The sum.\n/// Of both.\nint sum(int x, int y) { return x + y; }\nint other();\n}\n")
        self.assertEqual(named(entries, "sum").comment, "The sum.\nOf both.")
        self.assertEqual(named(entries, "sum").declaration, "int sum(int x, int y)")
        self.assertEqual(named(entries, "sum").qualified, "a::sum")
        self.assertEqual(named(entries, "other").comment, "")

    def test_a_comment_behind_a_member_belongs_to_it_with_its_next_lines(self):
        entries = read("struct s {\n  int a = 0;  ///< first,\n              ///< and more\n  int b{};\n};\n")
        self.assertEqual(named(entries, "a").comment, "first, and more")
        self.assertEqual(named(entries, "a").declaration, "int a = 0")
        self.assertEqual(named(entries, "b").comment, "")

    def test_a_remark_between_takes_no_comment_to_the_next_declaration(self):
        entries = read("/// Of nothing.\n// A remark.\nint x;\n")
        self.assertEqual(named(entries, "x").comment, "")

    def test_what_is_private_is_not_shown(self):
        entries = read("class c {\n  int hidden;\n public:\n  /// Seen.\n  int seen() const;\n private:\n  /// Not.\n  void not_seen();\n};\nnamespace {\nint local;\n}\n")
        self.assertEqual([e.name for e in entries], ["c", "seen"])

    def test_a_struct_inside_a_private_part_is_not_shown_either(self):
        entries = read("class c {\n  struct inner {\n    int x;\n  };\n public:\n  int y;\n};\n")
        self.assertEqual([e.name for e in entries], ["c", "y"])

    def test_a_constructor_is_shown_without_its_initializers(self):
        entries = read("struct s {\n  /// Made of it.\n  explicit s(int x) : a_(x), b_{x, 1} { use(); }\n  int after;\n};\n")
        self.assertEqual([e.declaration for e in entries if e.kind == "function"], ["explicit s(int x)"])
        self.assertEqual(named(entries, "after").kind, "variable")

    def test_templates_and_requirements_are_kept_and_do_not_hide_the_name(self):
        text = ("template <class T>\n  requires(sizeof(T) < 8 && !std::is_pointer_v<T>)\n/// nothing\nT half(T x)\n  requires(sizeof(T) > 1)\n{\n  return x / 2;\n}\n"
                "template <class T>\n  requires requires(const T& t) {\n    { t.size() } -> std::same_as<int>;\n  }\nint size_of(const T& t) { return t.size(); }\n"
                "template <class P>\nconcept policy = requires { typename P::axis; };\nint last;\n")
        entries = read(text)
        self.assertEqual([(e.name, e.kind) for e in entries], [("half", "function"), ("size_of", "function"), ("policy", "concept"), ("last", "variable")])
        self.assertTrue(named(entries, "size_of").declaration.endswith("int size_of(const T& t)"))
        self.assertIn("typename P::axis", named(entries, "policy").declaration)

    def test_specializations_enumerations_and_operators(self):
        entries = read("template <>\nstruct codec<std::vector<int>> {\n  static int of(int x);\n};\n/// Why.\nenum class cause : int {\n  a,  ///< one\n  b,\n};\n"
                       "struct s {\n  bool operator==(const s&) const = default;\n  int operator()(int x) const { return x; }\n  explicit operator bool() const { return true; }\n};\n")
        self.assertEqual([e.name for e in entries],
                         ["codec<std::vector<int>>", "of", "cause", "s", "operator==", "operator()", "operator bool"])
        self.assertEqual(named(entries, "cause").comment, "Why.")
        self.assertIn("a,  ///< one", named(entries, "cause").declaration)

    def test_braces_and_quotes_in_texts_end_nothing(self):
        entries = read("inline const char* text = \"}{;\";\ninline char c = '}';\ninline const char* raw = R\"(\"};)\";\ninline int digits = 1'000;\nint last;\n")
        self.assertEqual([e.name for e in entries], ["text", "c", "raw", "digits", "last"])

    def test_overloads_have_anchors_of_their_own(self):
        header = headers.read(ROOT / "include", "larder/cache.hpp")
        anchors = [e.anchor for e in header.entries]
        self.assertEqual(len(anchors), len(set(anchors)))

    def test_the_opening_comment_is_read(self):
        self.assertTrue(headers.read(ROOT / "include", "larder/eviction/lru.hpp").opening.startswith("Least recently used: "))
        self.assertEqual(headers.opening_comment("#pragma once\n\n/// Of a type.\nstruct s;\n"), "")


class Library(unittest.TestCase):
    def test_no_comment_of_any_header_is_lost(self):
        lost = []
        for header in headers.read_all(ROOT / "include"):
            lines = (ROOT / "include" / header.path).read_text(encoding="utf-8").split("\n")
            known = {e.line for e in header.entries if e.comment}
            for number, line in enumerate(lines, 1):
                last_of_comment = re.match(r"\s*///(?!<)", line) and not (number < len(lines) and re.match(r"\s*///(?!<)", lines[number]))
                if last_of_comment and number + 1 not in known:
                    lost.append(f"{header.path}:{number}")
        self.assertEqual(lost, [])


if __name__ == "__main__":
    unittest.main()
