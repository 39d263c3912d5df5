#include "simulate/buffered_input.hpp"

#include "refusal.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using simulate::buffered_input;

/// Gives its content in pieces of at most this size.
class piecemeal_source final : public simulate::byte_source {
 public:
  piecemeal_source(std::string content, std::size_t piece) : content_(std::move(content)), piece_(piece) {}
  std::size_t read(char* into, std::size_t size) override {
    const std::size_t n = std::min({size, piece_, content_.size() - at_});
    std::memcpy(into, content_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string content_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

buffered_input input_of(std::string content, std::size_t piece = 1 << 16) {
  return {std::make_unique<piecemeal_source>(std::move(content), piece), "the trace"};
}
std::vector<std::string> lines_of(const std::string& content, std::size_t piece) {
  buffered_input input = input_of(content, piece);
  std::vector<std::string> lines;
  while (const auto line = input.next_line()) lines.emplace_back(*line);
  CHECK(input.line_number() == lines.size());
  CHECK_FALSE(input.next_line());
  return lines;
}

}  // namespace

TEST_CASE("lines end with LF, CRLF or the input, however it comes in pieces") {
  for (const std::size_t piece : {1U, 2U, 3U, 1000U}) {
    CHECK(lines_of("", piece).empty());
    CHECK(lines_of("\n", piece) == std::vector<std::string>{""});
    CHECK(lines_of("a\nbc\n\ndef", piece) == std::vector<std::string>{"a", "bc", "", "def"});
    CHECK(lines_of("a\r\nbc\r\n", piece) == std::vector<std::string>{"a", "bc"});
    CHECK(lines_of("a\rb\n", piece) == std::vector<std::string>{"a\rb"});
  }
}

TEST_CASE("a line of 1 MiB is read, a longer one refused with its number") {
  const std::string longest(buffered_input::longest_line, 'x');
  CHECK(lines_of("a\n" + longest + "\nb\n", 100'000) == std::vector<std::string>{"a", longest, "b"});
  for (const char* end : {"", "\n", "\nb\n"}) {
    buffered_input input = input_of("a\n" + longest + "x" + end);
    input.next_line();
    const std::string what = refusal([&] { input.next_line(); });
    CHECK(says(what, "\"the trace\", line 2: it is longer than 1 MiB"));
  }
}

TEST_CASE("looking ahead takes nothing away") {
  buffered_input input = input_of("first\nsecond\n", 2);
  CHECK(input.peek(3) == "fir");
  CHECK(input.peek(8) == "first\nse");
  CHECK(input.next_line() == "first");
  CHECK(input.peek(100) == "second\n");
  CHECK(input.next_record(4) == "seco");
  CHECK(input.next_record(100) == "nd\n");
  CHECK(input.next_record(1).empty());
  CHECK(input.peek(1).empty());
}
