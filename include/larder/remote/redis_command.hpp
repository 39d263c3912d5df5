#pragma once

// A request as it goes over the wire. Values are not copied into it, as hiredis' formatting would: they are sent from where they lie.

#include <larder/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::remote {

/// One command: words, of which one may be borrowed. Every word goes with its length, so that none can end or begin another.
class redis_command {
 public:
  redis_command(std::initializer_list<std::string_view> words) {
    for (const std::string_view each : words) word(each);
  }

  redis_command& word(std::string_view text) {
    std::string& out = borrowed_.empty() ? before_ : after_;
    out += '$';
    out += std::to_string(text.size());
    out += "\r\n";
    out += text;
    out += "\r\n";
    ++words_;
    return *this;
  }
  redis_command& number(std::uint64_t value) { return word(std::to_string(value)); }

  /// A word made of `front` and then the bytes of `parts` from `offset`, `size` of them, which are borrowed until the command is sent.
  redis_command& value(std::string_view front, std::span<const bytes> parts, std::uint64_t offset, std::uint64_t size) {
    before_ += '$';
    before_ += std::to_string(front.size() + size);
    before_ += "\r\n";
    before_ += front;
    ++words_;
    for (const bytes& part : parts) {
      if (offset >= part.size()) {
        offset -= part.size();
        continue;
      }
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, part.size() - offset));
      if (n != 0) borrowed_.push_back(part.text().substr(static_cast<std::size_t>(offset), n));
      offset = 0;
      size -= n;
    }
    if (borrowed_.empty()) borrowed_.emplace_back();  // what follows is after the value all the same
    after_ += "\r\n";
    return *this;
  }

  /// A word that is borrowed until the command is sent: no copy of a secret is left in memory.
  redis_command& borrowed(std::string_view text) {
    before_ += '$';
    before_ += std::to_string(text.size());
    before_ += "\r\n";
    ++words_;
    borrowed_.push_back(text);
    after_ += "\r\n";
    return *this;
  }

  /// How large the answer may be, for the bound on what is asked for ahead.
  redis_command& expects(std::uint64_t answer) noexcept {
    answer_ = answer;
    return *this;
  }

  /// What the exchange keeps under way because of it.
  std::uint64_t weight() const noexcept {
    std::uint64_t sum = before_.size() + after_.size() + answer_;
    for (const std::string_view each : borrowed_) sum += each.size();
    return sum;
  }

  /// Adds what is to be sent; `head` keeps the first piece until then.
  void gather(std::string& head, std::vector<std::string_view>& pieces) const {
    head = '*' + std::to_string(words_) + "\r\n";
    pieces.emplace_back(head);
    pieces.emplace_back(before_);
    pieces.insert(pieces.end(), borrowed_.begin(), borrowed_.end());
    if (!after_.empty()) pieces.emplace_back(after_);
  }

 private:
  std::string before_;
  std::vector<std::string_view> borrowed_;
  std::string after_;
  std::size_t words_ = 0;
  std::uint64_t answer_ = 0;
};

}  // namespace larder::remote
