#include <larder/core/bytes.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using larder::bytes;

namespace {

bool aligned(const void* pointer, std::size_t to) { return reinterpret_cast<std::uintptr_t>(pointer) % to == 0; }

/// What a call that must fail says.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    return e.what();
  }
  return {};
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("empty bytes have no owner and equal each other") {
  const bytes nothing;
  CHECK(nothing.empty());
  CHECK(nothing.size() == 0);
  CHECK(nothing.begin() == nothing.end());
  CHECK(nothing == bytes::copy_of(std::string_view()));
  CHECK(nothing == bytes::copy_of(std::string_view("abc")).slice(1, 0));
  CHECK_FALSE(nothing == bytes::copy_of(std::string_view("a")));
  CHECK(nothing.as_span<double>().empty());
  CHECK(nothing.text().empty());
}

TEST_CASE("a copy is aligned to 64 whatever its size, and is a copy") {
  for (const std::size_t size : {1U, 7U, 63U, 64U, 65U, 4096U, 100'001U}) {
    std::string source(size, 'x');
    const bytes copy = bytes::copy_of(source);
    CHECK(aligned(copy.data(), 64));
    source.assign(size, 'y');
    CHECK(copy.text() == std::string(size, 'x'));
    CHECK(copy.where() == larder::residence::heap);
  }
}

TEST_CASE("equality is by content, not by place") {
  const bytes a = bytes::copy_of(std::string_view("same"));
  const bytes b = bytes::copy_of(std::string_view("same"));
  CHECK(a.data() != b.data());
  CHECK(a == b);
  CHECK(a != bytes::copy_of(std::string_view("samE")));
  CHECK(a != bytes::copy_of(std::string_view("same ")));
  CHECK(a.slice(1, 2) == bytes::copy_of(std::string_view("am")));
}

TEST_CASE("copies and slices share the memory and keep its owner alive") {
  const auto owner = std::make_shared<std::string>("0123456789");
  CHECK(owner.use_count() == 1);
  bytes part;
  {
    const bytes whole = bytes::adopt(owner, owner->data(), owner->size());
    CHECK(owner.use_count() == 2);
    CHECK(whole.data() == reinterpret_cast<const std::byte*>(owner->data()));
    CHECK(whole.where() == larder::residence::external);
    part = whole.slice(2, 5).slice(1);
    CHECK(part.data() == whole.data() + 3);
    CHECK(part.text() == "3456");
  }
  CHECK(owner.use_count() == 2);
  CHECK(part.text() == "3456");
  part = bytes();
  CHECK(owner.use_count() == 1);
}

TEST_CASE("a moved-from view is empty and the owner goes with its last copy") {
  auto owner = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owner;
  const int* place = owner.get();
  bytes a = bytes::adopt(std::move(owner), place, sizeof(int));
  bytes b = std::move(a);
  CHECK(a.empty());
  CHECK(a.data() == nullptr);
  const bytes& itself = b;
  b = itself;
  CHECK(b.as_span<int>()[0] == 1);
  const bytes c = b;
  b = bytes();
  CHECK_FALSE(watched.expired());
  b.swap(a);
  a = c;
  CHECK(a == c);
  a = bytes();
  CHECK_FALSE(watched.expired());
  const_cast<bytes&>(c) = bytes();
  CHECK(watched.expired());
}

TEST_CASE("what a value had goes when it is assigned nothing, itself or another, in templates as well") {
  const auto owner = std::make_shared<int>(5);
  const auto held = [&](auto assign) {
    bytes value = bytes::adopt(owner, owner.get(), sizeof(int));
    assign(value);
    return owner.use_count() - 1;
  };
  const auto generic = [&](auto) {
    bytes value = bytes::adopt(owner, owner.get(), sizeof(int));
    value = {};
    return value.empty() && owner.use_count() == 1;
  };
  CHECK(held([](bytes& value) { value = {}; }) == 0);
  CHECK(held([](auto& value) { value = {}; }) == 0);
  CHECK(generic(0));
  CHECK(owner.use_count() == 1);  // nothing is left of what was assigned either
  CHECK(held([](bytes& value) {
          bytes& same = value;
          value = same;
          value = std::move(same);
          CHECK(value.size() == sizeof(int));
        }) == 1);
  CHECK(held([](bytes& value) { value = bytes::copy_of("other"); }) == 0);
  CHECK(held([](bytes& value) {
          bytes other;
          other = value;
          value = std::move(other);
        }) == 1);
  CHECK(owner.use_count() == 1);
}

TEST_CASE("adopt keeps any movable owner") {
  std::vector<float> numbers(100, 1.5F);
  const float* first = numbers.data();
  const bytes view = bytes::adopt(std::move(numbers), first, 100 * sizeof(float));
  CHECK(view.as_span<float>().size() == 100);
  CHECK(view.as_span<float>()[99] == 1.5F);
}

TEST_CASE("slice refuses what is not all inside and says the numbers") {
  const bytes ten = bytes::copy_of(std::string_view("0123456789"));
  CHECK(ten.slice(0) == ten);
  CHECK(ten.slice(10).empty());
  CHECK(ten.slice(10, 0).empty());
  CHECK(says(refusal([&] { ten.slice(11); }), "bytes that hold 10"));
  CHECK(says(refusal([&] { ten.slice(5, 6); }), "slice(5, 6) of bytes that hold 10"));
  CHECK(says(refusal([&] { ten.slice(1, std::numeric_limits<std::size_t>::max() - 1); }), "bytes that hold 10"));
  CHECK(says(refusal([&] { bytes().slice(0, 1); }), "bytes that hold 0"));
}

TEST_CASE("as_span refuses part elements and misalignment, and names the way out") {
  const std::array<std::uint32_t, 4> numbers{1, 2, 3, 4};
  const bytes raw = bytes::copy_of(numbers.data(), sizeof numbers);
  const auto span = raw.as_span<std::uint32_t>();
  CHECK(std::vector<std::uint32_t>(span.begin(), span.end()) == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(raw.slice(4, 8).as_span<std::uint32_t>()[0] == 2);
  const std::string uneven = refusal([&] { (void)raw.slice(0, 6).as_span<std::uint32_t>(); });
  CHECK(says(uneven, "6 bytes are not a whole number of elements of 4"));
  const std::string misaligned = refusal([&] { (void)raw.slice(1, 4).as_span<std::uint32_t>(); });
  CHECK(says(misaligned, "not aligned to 4"));
  CHECK(says(misaligned, "bytes::copy_of"));
  const bytes moved = raw.slice(1, 4);
  CHECK(bytes::copy_of(moved.span()).as_span<std::uint32_t>().size() == 1);
  CHECK(raw.slice(1, 4).as_span<char>().size() == 4);
}

TEST_CASE("mutable bytes are filled once and frozen without a copy") {
  larder::mutable_bytes block(1000);
  CHECK(aligned(block.data(), 64));
  std::memset(block.data(), 7, block.size());
  const std::byte* place = block.data();
  const bytes frozen = std::move(block).freeze(10);
  CHECK(frozen.data() == place);
  CHECK(frozen.size() == 10);
  CHECK(frozen.begin()[9] == std::byte{7});
  CHECK(std::move(block).freeze().empty());  // NOLINT: what was frozen is empty
  larder::mutable_bytes whole(3);
  std::memcpy(whole.data(), "abc", 3);
  larder::mutable_bytes target(5);
  target = std::move(whole);
  CHECK(std::move(target).freeze().text() == "abc");
  CHECK(larder::mutable_bytes(0).data() == nullptr);
  CHECK(larder::mutable_bytes().freeze(5).empty());
}

TEST_CASE("a size that no memory has is an error, not an overflow") {
  CHECK(says(refusal([] { const larder::mutable_bytes all(std::numeric_limits<std::size_t>::max()); }), "cannot be allocated"));
}

TEST_CASE("the size of parts is that of all of them together, beyond what one of them holds") {
  CHECK(larder::total_size({}) == 0);
  const std::vector<bytes> parts{bytes::copy_of("abc"), bytes{}, bytes::copy_of("de")};
  CHECK(larder::total_size(parts) == 5);
  const char one = 'x';
  const std::vector<bytes> large(3, bytes(nullptr, &one, std::size_t{1} << 62U));  // never read
  CHECK(larder::total_size(large) == std::uint64_t{3} << 62U);
}

TEST_CASE("copies in several threads need no lock") {
  const bytes shared = bytes::copy_of(std::string(1000, 'z'));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::vector<bytes> copies;
      for (int i = 0; i < 1000; ++i) copies.push_back(i % 2 == 0 ? shared : shared.slice(10, 20));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(shared.text() == std::string(1000, 'z'));
}
