#include <larder/larder.hpp>

#include <larder/storage/inline_text.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using larder::storage::inline_text;

static_assert(sizeof(inline_text<32>) == 32 && sizeof(inline_text<40>) == 40);
static_assert(inline_text<40>::longest >= 36, "a UUID is kept in place");

namespace {

std::string text_of(std::size_t size) {
  std::string text(size, 'a');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

/// Whether what is kept begins inside the object.
template <std::size_t Room>
bool is_in_place(const inline_text<Room>& kept) {
  const auto* const from = reinterpret_cast<const char*>(&kept);
  return kept.view().data() >= from && kept.view().data() < from + sizeof kept;
}

template <class Text>
void keeps_every_length() {
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string text = text_of(size);
    const Text kept(text);
    CHECK(kept.view() == text);
    CHECK(std::string(kept) == text);
    CHECK(is_in_place(kept) == (size <= Text::longest));
    CHECK(kept == std::string_view(text));
  }
}

}  // namespace

TEST_CASE("a text of every length is kept, in place up to the longest") {
  keeps_every_length<inline_text<24>>();
  keeps_every_length<inline_text<32>>();
  keeps_every_length<inline_text<40>>();
}

TEST_CASE("texts that differ in one byte, or in length alone, are not the same") {
  for (std::size_t size = 0; size < 80; ++size) {
    const std::string text = text_of(size);
    const inline_text<40> kept{text};
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = '#';
      CHECK_FALSE(kept == std::string_view(other));
    }
    CHECK_FALSE(kept == std::string_view(text + '\0'));
    if (size != 0) CHECK_FALSE(kept == std::string_view(text).substr(1));
    if (size != 0) CHECK_FALSE(kept == std::string_view(text).substr(0, size - 1));
  }
  CHECK_FALSE(inline_text<24>(std::string_view()) == std::string_view("\0", 1));
}

TEST_CASE("a moved text takes along what it has elsewhere") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{39}, std::size_t{40}, std::size_t{1000}}) {
    inline_text<40> from{text_of(size)};
    const inline_text<40> to(std::move(from));
    CHECK(to.view() == text_of(size));
  }
}

TEST_CASE("a cache of text keys finds, tells of and lists keys of every length") {
  std::vector<std::string> told;
  const auto listener = [&](const std::string& key, const int&, larder::removal_cause) { told.push_back(key); };
  auto cache = larder::make_cache<std::string, int>(larder::max_entries{60}, larder::lru{}, larder::unsynchronized{},
                                                    larder::removal_listener(listener));
  for (int i = 0; i < 100; ++i) cache.put(text_of(static_cast<std::size_t>(i)), i);
  REQUIRE(told.size() == 40);
  for (int i = 0; i < 100; ++i) {
    const auto size = static_cast<std::size_t>(i);
    if (i < 40) CHECK(told[size] == text_of(size));
    CHECK(cache.contains(text_of(size)) == (i >= 40));
  }
  std::size_t listed = 0;
  cache.for_each([&](const std::string& key, std::uint64_t, larder::duration) { listed += key == text_of(key.size()) ? 1U : 0U; });
  CHECK(listed == 60);
  CHECK(cache.erase_if([](const std::string& key, const int& value) { return key.size() % 2 == 0 && value % 2 == 0; }) == 30);
}
