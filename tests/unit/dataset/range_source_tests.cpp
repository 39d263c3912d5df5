#include <larder/dataset/range_source.hpp>

#include <larder/dataset/named_source.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::digest;
using larder::named_source;
using larder::range_source;
using larder::datasets::kept_range;
using larder::datasets::record_of;

namespace range_source_tests {  // not in an unnamed one: clang would warn of operators that only concepts ask for

/// Makes a number at each look, has random access and no size that is known beforehand.
class squares : public std::ranges::view_base {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::random_access_iterator_tag;
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    using reference = int;

    iterator() = default;
    explicit iterator(std::ptrdiff_t at) : at_(at) {}
    int operator*() const { return static_cast<int>(at_ * at_); }
    int operator[](std::ptrdiff_t n) const { return *(*this + n); }
    iterator& operator++() { return *this += 1; }
    iterator operator++(int) { return std::exchange(*this, *this + 1); }
    iterator& operator--() { return *this += -1; }
    iterator operator--(int) { return std::exchange(*this, *this + -1); }
    iterator& operator+=(std::ptrdiff_t n) {
      at_ += n;
      return *this;
    }
    iterator& operator-=(std::ptrdiff_t n) { return *this += -n; }
    friend iterator operator+(iterator a, std::ptrdiff_t n) { return a += n; }
    friend iterator operator+(std::ptrdiff_t n, iterator a) { return a += n; }
    friend iterator operator-(iterator a, std::ptrdiff_t n) { return a -= n; }
    friend std::ptrdiff_t operator-(const iterator& a, const iterator& b) { return a.at_ - b.at_; }
    friend auto operator<=>(const iterator&, const iterator&) = default;

   private:
    std::ptrdiff_t at_ = 0;
  };
  explicit squares(std::ptrdiff_t n) : n_(n) {}
  iterator begin() const { return iterator(0); }
  iterator end() const { return iterator(n_); }

 private:
  std::ptrdiff_t n_;
};

}  // namespace range_source_tests

namespace {

using range_source_tests::squares;

/// Can be gone through once.
struct once {
  struct end_mark {};
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    explicit iterator(std::vector<std::string>& words) : words_(&words) {}
    std::string& operator*() const { return (*words_)[at_]; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(end_mark) const { return at_ == words_->size(); }

   private:
    std::vector<std::string>* words_;
    std::size_t at_ = 0;
  };

  std::vector<std::string> words;
  iterator begin() { return iterator(words); }
  end_mark end() const { return {}; }
};

/// As views that remember where they begin: not to be gone through when const.
struct looked_at_by_one {
  std::list<int> of;
  auto begin() { return of.begin(); }
  auto end() { return of.end(); }
};

struct padded {
  char c;
  int n;
};

std::vector<int> numbers(int n) {
  std::vector<int> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
template <class S>
auto records_of(const S& source) {
  std::vector<std::remove_cvref_t<record_of<S>>> all;
  for (std::size_t shard = 0; shard < source.shards(); ++shard) {
    const auto open = source.open(shard);
    CHECK(source.count(shard) == open->size());
    for (std::uint64_t i = 0; i < open->size(); ++i) all.push_back(open->record(i));
  }
  return all;
}
template <class S>
std::vector<digest> fingerprints_of(const S& source) {
  std::vector<digest> all;
  for (std::size_t shard = 0; shard < source.shards(); ++shard) all.push_back(source.fingerprint(shard));
  return all;
}

static_assert(larder::dataset_source<range_source<std::vector<int>>> && larder::dataset_source<range_source<const std::list<std::string>&>>);
static_assert(larder::dataset_source<named_source<larder::datasets::range_shards<std::vector<padded>&>>>);
static_assert(std::is_same_v<kept_range<std::vector<int>&>, std::vector<int>&> && std::is_same_v<kept_range<std::vector<int>>, std::vector<int>>);
static_assert(std::is_same_v<kept_range<std::span<int>&>, std::span<int>> && std::is_same_v<kept_range<squares>, squares>);
static_assert(std::is_same_v<record_of<range_source<std::vector<int>&>>, const int&> && std::is_same_v<record_of<range_source<squares>>, int>);
static_assert(std::is_same_v<record_of<range_source<std::vector<bool>>>, bool>);

}  // namespace

TEST_CASE("the records of the shards are the elements of the range, whatever its kind and the size of shards") {
  CHECK(rc::check("any range", [] {
    const auto all = *rc::gen::arbitrary<std::vector<std::string>>();
    const auto size = *rc::gen::inRange<std::size_t>(1, 12);
    const range_source borrowed(all, size);
    const range_source listed(std::list<std::string>(all.begin(), all.end()), size);
    const range_source unsized(std::forward_list<std::string>(all.begin(), all.end()), size);
    RC_ASSERT(borrowed.shards() == (all.size() + size - 1) / size);
    RC_ASSERT(listed.shards() == borrowed.shards());
    RC_ASSERT(unsized.shards() == borrowed.shards());
    RC_ASSERT(records_of(borrowed) == all);
    RC_ASSERT(records_of(listed) == all);
    RC_ASSERT(records_of(unsized) == all);
    RC_ASSERT(fingerprints_of(borrowed) == fingerprints_of(listed));
    RC_ASSERT(fingerprints_of(borrowed) == fingerprints_of(unsized));
  }));
}

TEST_CASE("the same numbers have one fingerprint in any range") {
  const std::vector<int> all = [] {
    std::vector<int> made;
    for (int i = 0; i < 3000; ++i) made.push_back(i * i);
    return made;
  }();
  const range_source computed{squares(3000)};
  CHECK(computed.name() == "range of 3000");
  CHECK(computed.shards() == 3);
  CHECK(computed.count(2) == 952);
  CHECK(records_of(computed) == all);
  const std::vector<digest> expected = fingerprints_of(range_source{all});
  CHECK(fingerprints_of(computed) == expected);
  CHECK(fingerprints_of(range_source{std::list<int>(all.begin(), all.end())}) == expected);
  CHECK(fingerprints_of(range_source{std::span<const int>(all)}) == expected);
  CHECK(fingerprints_of(range_source{looked_at_by_one{{all.begin(), all.end()}}}) == expected);
}

TEST_CASE("an lvalue is borrowed and an rvalue is moved in, and lives as long as a shard of it") {
  const std::vector<std::string> all{"a", "b", "c"};
  const range_source borrowed{all};
  CHECK(&borrowed.open(0)->record(1) == &all[1]);
  std::vector<std::string> given = all;
  const std::string* const where = given.data();
  auto owned = std::make_unique<range_source<std::vector<std::string>>>(std::move(given));
  const range_source<std::vector<std::string>> copy = *owned;
  const auto shard = owned->open(0);
  owned.reset();
  CHECK(&shard->record(0) == where);
  CHECK(&copy.open(0)->record(2) == where + 2);
  const auto of_an_array = range_source{std::array<std::string, 2>{"x", "y"}, 1}.open(1);
  CHECK(of_an_array->record(0) == "y");
}

TEST_CASE("a range that can be gone through once is kept") {
  const range_source source{once{{"to", "be", "or"}}, 2};
  static_assert(std::is_same_v<std::remove_cv_t<decltype(source)>, range_source<std::vector<std::string>>>);
  CHECK(records_of(source) == std::vector<std::string>{"to", "be", "or"});
  CHECK(records_of(source) == std::vector<std::string>{"to", "be", "or"});
}

TEST_CASE("entries of a map and bits of a vector are samples too") {
  const std::map<std::string, int> ages{{"ann", 3}, {"bob", 4}};
  const range_source source{ages, 1};
  CHECK(source.open(1)->record(0).first == "bob");
  CHECK(source.shard_bytes(0) > 0);
  const std::vector<bool> bits{true, false, true};
  CHECK(records_of(range_source{bits, 2}) == bits);
  CHECK(range_source{numbers(3)}.shard_bytes(0) == 0);
}

TEST_CASE("the fingerprint of a shard is of its own records") {
  std::vector<int> all = numbers(100);
  const std::vector<digest> before = fingerprints_of(range_source{all, 10});
  CHECK(std::set<std::string>{before[0].hex(), before[1].hex(), before[9].hex()}.size() == 3);
  all[57] = -1;
  all.push_back(100);
  const std::vector<digest> after = fingerprints_of(range_source{all, 10});
  REQUIRE(after.size() == 11);
  for (std::size_t shard = 0; shard < 10; ++shard) CHECK((before[shard] == after[shard]) == (shard != 5));
  CHECK(range_source{numbers(20), 10}.fingerprint(0) != range_source{numbers(20), 11}.fingerprint(0));
}

TEST_CASE("fingerprints are those of every release") {
  CHECK(range_source{std::vector<int>{1, 2, 3, 4, 5}}.fingerprint(0).hex() == "3b8368483e89808fd2adb1b81902a356");
  CHECK(range_source{std::vector<std::string>{"a", "bc"}}.fingerprint(0).hex() == "5433041e94805bda5adfe1bebc30ed20");
  CHECK(named_source{"v1", std::vector<int>{1, 2, 3, 4, 5}}.fingerprint(0).hex() == "67aebec774541e2121b5aad8ebddfe7c");
}

TEST_CASE("no elements are no shards") {
  const range_source none{std::vector<int>()};
  CHECK(none.shards() == 0);
  CHECK(none.count(0) == 0);
  CHECK(none.name() == "range of 0");
  CHECK_THROWS_AS(none.open(0), larder::error);
  CHECK_THROWS_AS(none.fingerprint(0), larder::error);
  CHECK(range_source{std::list<int>()}.shards() == 0);
}

TEST_CASE("what is not there is refused") {
  const std::vector<int> all = numbers(5);
  CHECK_THROWS_WITH_AS(range_source(all, 0), "larder: range_source: shards of 0 records; take 1 or more", larder::error);
  const range_source source(all, 3);
  CHECK_THROWS_WITH_AS(source.open(2), "larder: range_source: shard 2 of range of 5, which has 2; ask below that", larder::error);
  CHECK_THROWS_AS(source.fingerprint(2), larder::error);
  CHECK_THROWS_WITH_AS(source.open(1)->record(2), "larder: range_source: record 2 of a shard of 2; ask below its size", larder::error);
  CHECK(range_source(all, ~std::size_t{0}).shards() == 1);
  CHECK(records_of(range_source(all, ~std::size_t{0})) == all);
}

TEST_CASE("any number of threads open shards and ask for fingerprints") {
  const range_source source(std::list<int>(5000, 7), 100);
  std::vector<std::vector<digest>> seen(4);
  std::vector<std::uint64_t> sums(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const range_source mine = source;
      for (std::size_t shard = 0; shard < mine.shards(); ++shard) {
        seen[t].push_back(mine.fingerprint(shard));
        const auto open = mine.open(shard);
        for (std::uint64_t i = 0; i < open->size(); ++i) sums[t] += static_cast<std::uint64_t>(open->record(i));
      }
    });
  for (std::thread& each : threads) each.join();
  for (std::size_t t = 0; t < 4; ++t) {
    CHECK(seen[t] == seen[0]);
    CHECK(sums[t] == 35000);
  }
}

TEST_CASE("a named source has its records, and the fingerprints of its name") {
  const std::vector<padded> all{{'a', 1}, {'b', 2}, {'c', 3}};
  const named_source source{"train-v1", all, 2};
  CHECK(source.name() == "train-v1");
  CHECK(source.shards() == 2);
  CHECK(source.count(1) == 1);
  CHECK(&source.open(1)->record(0) == &all[2]);
  const std::vector<digest> first = fingerprints_of(source);
  CHECK(first[0] != first[1]);
  CHECK(fingerprints_of(named_source{"train-v1", std::vector<padded>(3), 2}) == first);
  CHECK(named_source{"train-v2", all, 2}.fingerprint(0) != first[0]);
  CHECK(named_source{"train-v1", all, 3}.fingerprint(0) != first[0]);
  CHECK_THROWS_AS((named_source{"", all}), larder::error);

  const range_source words{std::vector<std::string>{"a", "b"}};
  const named_source of_a_source{"words", words};
  CHECK(records_of(of_a_source) == std::vector<std::string>{"a", "b"});
  CHECK(of_a_source.fingerprint(0) != words.fingerprint(0));
  const named_source owned{"words", range_source{std::vector<std::string>{"a", "b"}}};
  CHECK(owned.fingerprint(0) == of_a_source.fingerprint(0));
}
