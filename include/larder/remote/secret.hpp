#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// A password, key or token. It has no stream operator and no conversion to text: only `reveal()` shows it, so that it
/// cannot slip into a log or a message. The memory is overwritten before it is given back.
class secret {
 public:
  secret() noexcept = default;
  secret(std::string_view text) : characters_(text.begin(), text.end()) {}
  secret(const std::string& text) : secret(std::string_view(text)) {}
  secret(const char* text) : secret(std::string_view(text)) {}
  secret(const secret&) = default;
  secret(secret&& other) noexcept : characters_(std::exchange(other.characters_, {})) {}
  secret& operator=(const secret& other) { return *this = secret(other); }
  secret& operator=(secret&& other) noexcept {
    secret taken(std::move(other));
    characters_.swap(taken.characters_);
    return *this;
  }
  ~secret() { wipe(); }

  bool empty() const noexcept { return characters_.empty(); }

  /// The characters; valid until this secret changes. For the one place that sends them.
  std::string_view reveal() const noexcept { return {characters_.data(), characters_.size()}; }

 private:
  void wipe() noexcept {
    volatile char* at = characters_.data();  // volatile: the writes must survive the optimiser
    for (std::size_t i = 0; i < characters_.size(); ++i) at[i] = '\0';
  }

  std::vector<char> characters_;  // not a string: a moved-from short string keeps its characters
};

}  // namespace larder
