#!/usr/bin/env python3
"""Which places tools/mutate.py changes, and to what; nothing is compiled.   mutate_tests.py"""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import mutate  # noqa: E402


def mutants(line):
    return list(mutate.mutants_at("x.hpp", 1, 0, kind, begin, end, line, hidden)
                for hidden in [mutate.hide(line)] for kind, begin, end in mutate.parts(hidden) if not mutate.NO_PLACE.search(hidden[begin:end]))


def changed(line):
    return [mutant.after for place in mutants(line) for mutant in place]


class Changes(unittest.TestCase):
    def test_of_a_condition(self):
        self.assertEqual(changed("if (a < b && c) {"), ["a <= b && c", "a < b || c", "!(a < b && c)"])
        self.assertEqual(changed("while (size() != 0) drop();"), ["size() == 0", "size() != 1", "!(size() != 0)", ""])
        self.assertEqual(changed("if (const int n = f(); n > 1) {"), ["n >= 1", "n > 2", "!(n > 1)"])
        self.assertEqual(changed("for (int i = 0; i < 8; ++i) {"), ["i <= 8", "i < 9"])

    def test_of_a_result(self):
        self.assertEqual(changed("return true;"), ["return false"])
        self.assertEqual(changed("int f() const { return a + 1; }"), ["return a - 1", "return a + 2", "return {}"])
        self.assertEqual(changed("return *this;"), [])

    def test_of_a_statement(self):
        self.assertEqual(changed("list_.erase(s);"), [""])
        self.assertEqual(changed("size_ += 2;"), ["size_ -= 2", "size_ += 3", ""])
        self.assertEqual(changed("++(again ? a : b);"), ["--(again ? a : b)", ""])
        self.assertEqual(changed("else break;"), [""])
        self.assertEqual(changed("const auto most = std::min(a, b);"), ["const auto most = std::max(a, b)"])

    def test_of_nothing(self):
        for line in ("// a < b", "static_assert(a < b);", "using a = b;", "void f(int a);", "x(const x&) = delete;", "auto f = [&](int a) { return a < 1; };",
                     "virtual int f() = 0;", "if (auto found = find()) {", "list_.prefetch_neighbours(s);", "for (const auto& each : all) {", "if constexpr (a < b) {"):
            with self.subTest(line):
                self.assertEqual(changed(line), [])

    def test_neither_in_texts_nor_in_names_of_types(self):
        self.assertEqual(changed('fail("a < b", 1\'000);'), ['fail("a < b", 1001)', ""])
        self.assertEqual(changed("return std::get<1>(a);"), ["return {}"])

    def test_are_chosen_when_the_program_runs(self):
        [[mutant, *_]] = mutants("if (a < b) return;")[:1]
        self.assertEqual(mutant.code, "larder_mutant(@) ? static_cast<bool>(a <= b) : static_cast<bool>(a < b)")
        [[mutant]] = mutants("list_.erase(s);")
        self.assertEqual((mutant.code, mutant.end), ("{ if (!larder_mutant(@)) list_.erase(s); }", len("list_.erase(s);")))

    def test_of_a_constant_are_compiled(self):
        [[mutant]] = mutants("static constexpr int most = 8;")
        self.assertEqual((mutant.code, mutant.switched), ("static constexpr int most = 9", False))


class Headers(unittest.TestCase):
    def test_have_tests_that_are_there(self):
        for header, tests in mutate.COVERED_BY.items():
            self.assertTrue((ROOT / "include/larder" / header).exists(), header)
            for test in tests:
                self.assertTrue((ROOT / "tests" / test).exists(), test)

    def test_have_the_same_mutants_for_the_same_seed_and_one_on_a_line(self):
        def drawn(seed):
            return [str(mutant) for mutant in mutate.draw("eviction/arc.hpp", 20, seed, True)]
        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))
        self.assertEqual(len({mutant.line for mutant in mutate.draw("eviction/arc.hpp", 20, 1, True)}), 20)

    def test_say_where_a_mutant_is(self):
        for mutant in mutate.mutants_of("eviction/arc.hpp"):
            text = (ROOT / "include/larder/eviction/arc.hpp").read_text(encoding="utf-8")
            self.assertEqual(text.count("\n", 0, mutant.begin) + 1, mutant.line)
            self.assertTrue(text[mutant.begin:].startswith(mutant.before), mutant)


if __name__ == "__main__":
    unittest.main()
