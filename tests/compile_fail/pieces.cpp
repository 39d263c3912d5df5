// The pieces outside the cache: memoize, time sources, bytes.
#include <larder/larder.hpp>

#include <array>
#include <string>
#include <vector>

namespace {

int square(int n) { return n * n; }
struct throwing_owner {
  throwing_owner() = default;
  throwing_owner(const throwing_owner&) {}
};
struct tells_no_time {};
struct tells_a_number {
  long now() const { return 0; }
};

[[maybe_unused]] void allowed(const larder::bytes& raw) {
  auto remembered = larder::memoize(square, larder::max_entries{10});
  larder::manual_clock now;
  auto borrowed = larder::make_cache<int, int>(larder::unbounded{}, larder::time_source{now});
  auto stateless = larder::make_cache<int, int>(larder::unbounded{}, larder::time_source{larder::wall_time{}});
  auto floats = raw.as_span<float>();
  std::vector<int> numbers{1, 2, 3};
  const int* first = numbers.data();
  auto adopted = larder::bytes::adopt(std::move(numbers), first, 12);
}

// expect 1: larder: memoize needs a limit, as in memoize(f, max_entries{1000}), or unbounded
#if LARDER_COMPILE_FAIL == 1
auto no_limit = larder::memoize(square);
#endif

// expect 2: larder: a cache needs a limit; name max_entries, max_bytes or max_weight, or say unbounded
#if LARDER_COMPILE_FAIL == 2
auto an_order_is_no_limit = larder::memoize(square, larder::lru{});
#endif

// expect 3: larder: memoize takes policies after the function, such as max_entries{1000}
#if LARDER_COMPILE_FAIL == 3
auto a_bare_number = larder::memoize(square, 1000);
#endif

// expect 4: larder: memoize needs a function with one signature, neither overloaded nor generic
#if LARDER_COMPILE_FAIL == 4
auto generic = larder::memoize([](auto n) { return n; }, larder::max_entries{10});
#endif

// expect 5: larder: time_source borrows a clock that has state, so name the clock first and pass the variable
#if LARDER_COMPILE_FAIL == 5
auto temporary = larder::make_cache<int, int>(larder::unbounded{}, larder::time_source{larder::manual_clock()});
#endif

// expect 6: larder: time_source needs a clock whose now() gives a duration or a time point
#if LARDER_COMPILE_FAIL == 6
larder::time_source no_clock{tells_no_time{}};
#endif

// expect 9: larder: time_source needs a clock whose now() gives a duration or a time point
#if LARDER_COMPILE_FAIL == 9
larder::time_source no_unit{tells_a_number{}};
#endif

// expect 7: larder: as_span needs a trivially copyable type
#if LARDER_COMPILE_FAIL == 7
auto strings_in_raw_bytes(const larder::bytes& raw) { return raw.as_span<std::string>(); }
#endif

// expect 8: larder: bytes::adopt needs an owner whose move does not throw
#if LARDER_COMPILE_FAIL == 8
auto throwing(const std::array<char, 4>& of) { return larder::bytes::adopt(throwing_owner{}, of.data(), of.size()); }
#endif

}  // namespace
