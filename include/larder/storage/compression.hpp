#pragma once

// The host's side of a compression policy: which values are worth it, how they are marked, and what comes back.

#include <larder/codec/byte_run.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/format/compressed_head.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace larder::storage {

/// A value that is kept compressed in memory.
struct compressed_value {
  bytes frame;
  std::uint64_t size = 0;  ///< of the value
};
/// What a cache in memory keeps where it may compress.
template <class Value>
using kept_value = std::variant<Value, compressed_value>;

/// Throws: what is stored needs a policy that the cache does not have.
[[noreturn]] inline void refuse_form(const compressed_form& form) {
  std::string name;
  for (const char c : form.name)
    if (c != '\0') name += c > ' ' && c <= '~' && c != '"' ? c : '?';  // it comes from a file
  core::fail(error_cause::codec, "an entry is compressed with \"" + name + "\", and this cache has no compression policy of that name; name " +
                                     (name == "zstd" ? "larder::zstd{} (larder/codec/zstd.hpp)" : "the policy that wrote it"));
}

template <class Policy>
class compression {
 public:
  /// Throws `larder::error` for numbers that make no sense.
  explicit compression(const Policy& policy)
      : from_(std::max<std::uint64_t>(static_cast<std::uint64_t>(policy.from), 1)),
        saving_(static_cast<double>(policy.saving)),
        compressor_(policy) {
    if (!(saving_ >= 0.0 && saving_ < 1.0))
      core::fail(error_cause::invalid_argument, std::string(Policy::name) + "{.saving = " + std::to_string(saving_) +
                                                    "}: give a share of a value's bytes from 0 to below 1");
  }

  /// The value compressed, in no more memory than it needs; nothing when it is too small, too large or does not save enough.
  std::optional<compressed_value> compress(std::span<const std::byte> value) const {
    std::size_t size = 0;
    std::optional<mutable_bytes> made = compress_behind(0, value, size);
    if (!made) return std::nullopt;
    return compressed_value{bytes::copy_of(made->data(), size), value.size()};
  }
  template <core::byte_run Value>
  std::optional<Value> decompress(const compressed_value& kept) const {
    return core::byte_run_of<Value>(static_cast<std::size_t>(kept.size),
                                    [&](std::span<std::byte> to) { return compressor_.decompress(kept.frame.span(), to); });
  }

  /// Compresses what is about to be stored, where that pays.
  void compress(stored_entry& entry) const {
    constexpr std::size_t head = format::compressed_head::encoded_size;
    std::size_t size = 0;
    std::optional<mutable_bytes> made = compress_behind(head, entry.payload.span(), size);
    if (!made) return;
    format::compressed_head::encode({name(), entry.payload.size()}, made->data());
    entry.info.uncompressed = entry.payload.size();
    entry.info.weight = head + size;
    entry.payload = std::move(*made).freeze(head + size);
  }
  /// The payload of a `form` as it was before; nothing when the policy does not make such a thing. Throws `larder::error` when it is
  /// another policy's.
  std::optional<bytes> decompress(const fetched& found) const {
    if (found.form->name != name()) refuse_form(*found.form);
    const std::uint64_t size = found.form->size;
    if (size == 0 || size > largest || !compressor_.may_become(found.payload.span(), size)) return std::nullopt;
    return decompress<bytes>(compressed_value{found.payload, size});
  }

  std::uint64_t memory() const noexcept {
    if constexpr (requires { compressor_.memory(); })
      return compressor_.memory();
    else
      return 0;
  }

 private:
  static constexpr std::uint64_t largest = 0xffff'ffff;

  static constexpr std::array<char, 8> name() noexcept {
    std::array<char, 8> padded{};
    const std::string_view text = Policy::name;
    std::copy(text.begin(), text.end(), padded.begin());
    return padded;
  }

  /// What `value` becomes, its `size`, and `head` bytes before it that count as well.
  std::optional<mutable_bytes> compress_behind(std::size_t head, std::span<const std::byte> value, std::size_t& size) const {
    if (value.size() < from_ || value.size() > largest) return std::nullopt;
    const auto most = std::min(static_cast<std::size_t>(static_cast<double>(value.size()) * (1.0 - saving_)), value.size() - 1);
    mutable_bytes made(head + value.size() + value.size() / 128 + 64);
    size = compressor_.compress(value, made.span().subspan(head));
    if (size == 0 || head + size > most) return std::nullopt;
    return made;
  }

  std::uint64_t from_;
  double saving_;
  typename Policy::compressor compressor_;
};

/// Of a cache without a policy: what others compressed cannot be read.
template <>
class compression<core::none> {
 public:
  explicit compression(const core::none&) noexcept {}
  [[noreturn]] std::optional<bytes> decompress(const fetched& found) const { refuse_form(*found.form); }
};

}  // namespace larder::storage
