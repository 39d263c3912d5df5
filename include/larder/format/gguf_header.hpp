#pragma once

// The header of a GGUF file, versions 2 and 3: "GGUF", a version, the numbers of tensors and of metadata entries, the entries,
// the descriptions of the tensors, padding to `general.alignment` (32 where it is not said), then the tensors' bytes, each padded
// to the alignment. Numbers are little-endian. Nothing says how long the header is, so it is read piece by piece. Every file is
// taken for hostile. What is refused beyond what a reader needs: names that could lead a later program astray (`tensor_name`),
// metadata given twice, and data that is not laid out without holes and overlaps in the order of the descriptions, as ggml's own
// reader asks, too. What follows the last tensor is ignored, as it is there.
// Cost: one pass. Memory: the tensors and the single values of the metadata; of arrays (vocabularies) only what they hold and how
// much of it.

#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace larder::format {

/// The types of metadata, by their numbers in files.
enum class gguf_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

/// An array in the metadata: what it holds and how many. Its elements are checked and not kept.
struct gguf_array {
  gguf_type elements{};
  std::uint64_t count = 0;
  friend bool operator==(const gguf_array&, const gguf_array&) = default;
};

/// A value of the metadata; unsigned, signed and floating numbers of every width are one kind each.
using gguf_value = std::variant<bool, std::uint64_t, std::int64_t, double, std::string, gguf_array>;

/// What a valid header says. Tensors are in the order of their offsets, which count from `data_begin`; shapes are row-major, so
/// the dimension whose elements are neighbours comes last (in the file it is first).
struct gguf_header {
  std::vector<tensor_info> tensors;
  std::map<std::string, gguf_value, std::less<>> metadata;
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_begin = 0;
};

/// The longest header that is read, in bytes.
inline constexpr std::uint64_t gguf_header_limit = std::uint64_t{1} << 28U;
/// Of tensors and of metadata entries each.
inline constexpr std::uint64_t gguf_count_limit = std::uint64_t{1} << 20U;
inline constexpr std::uint64_t gguf_name_limit = 65'535;
inline constexpr std::uint32_t gguf_dimensions_limit = 4;
inline constexpr std::uint64_t gguf_alignment_limit = std::uint64_t{1} << 30U;

namespace gguf_rules {

[[noreturn]] inline void refuse(std::string_view file, const std::string& why) {
  core::fail(error_cause::corruption, std::string(file) + ": not a valid GGUF file: " + why);
}

/// Goes through a header from its begin; `read(offset, destination)` fills `destination` from the file.
template <class Read>
class cursor {
 public:
  cursor(Read& read, std::uint64_t file_size, std::string_view file)
      : read_(read), end_(std::min(file_size, gguf_header_limit)), file_size_(file_size), file_(file) {}

  std::uint64_t at() const noexcept { return at_; }

  template <std::unsigned_integral T>
  T number(const std::string& what) {
    std::array<std::byte, sizeof(T)> raw{};
    take(raw, what);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>(value | static_cast<T>(std::to_integer<T>(raw[i]) << (8 * i)));
    return value;
  }
  std::string text(const std::string& what, std::uint64_t most = gguf_header_limit) {
    const auto size = number<std::uint64_t>("the length of " + what);
    if (size > most)
      refuse(file_, what + " has " + std::to_string(size) + " bytes at offset " + std::to_string(at_) + ", more than the " +
                        std::to_string(most) + " that are taken");
    check_left(size, what);
    std::string value(static_cast<std::size_t>(size), '\0');
    take(std::as_writable_bytes(std::span(value)), what);
    return value;
  }
  void skip(std::uint64_t count, std::uint64_t size_of_each, const std::string& what) {
    if (count > (end_ - at_) / size_of_each) fail_beyond(what);
    at_ += count * size_of_each;
  }

 private:
  void check_left(std::uint64_t size, const std::string& what) const {
    if (size > end_ - at_) fail_beyond(what);
  }
  [[noreturn]] void fail_beyond(const std::string& what) const {
    if (end_ < file_size_)
      refuse(file_, what + " at offset " + std::to_string(at_) + " passes the " + std::to_string(end_) +
                        " bytes that a header may have");
    refuse(file_,
           what + " at offset " + std::to_string(at_) + " passes the end of the file's " + std::to_string(file_size_) + " bytes");
  }
  void take(std::span<std::byte> out, const std::string& what) {
    check_left(out.size(), what);
    while (!out.empty()) {
      if (at_ < held_from_ || at_ >= held_from_ + held_.size()) {
        held_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end_ - at_, std::uint64_t{64} << 10U)));
        held_from_ = at_;
        read_(at_, std::span<std::byte>(held_));
      }
      const auto from = static_cast<std::size_t>(at_ - held_from_);
      const std::size_t n = std::min(out.size(), held_.size() - from);
      std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(from), n, out.begin());
      out = out.subspan(n);
      at_ += n;
    }
  }

  Read& read_;
  const std::uint64_t end_;
  const std::uint64_t file_size_;
  const std::string_view file_;
  std::uint64_t at_ = 0;
  std::uint64_t held_from_ = 0;
  std::vector<std::byte> held_;
};

/// The tensor types by their numbers in files; the ones between them were taken out of the format, or (9, `Q8_1`) are of
/// computations only, and not of one size for all readers.
inline std::optional<dtype> type_numbered(std::uint32_t number) noexcept {
  constexpr std::array<std::pair<std::uint32_t, dtype>, 33> table{{
      {0, dtype::f32},      {1, dtype::f16},    {2, dtype::q4_0},    {3, dtype::q4_1},     {6, dtype::q5_0},
      {7, dtype::q5_1},     {8, dtype::q8_0},   {10, dtype::q2_k},   {11, dtype::q3_k},    {12, dtype::q4_k},
      {13, dtype::q5_k},    {14, dtype::q6_k},  {15, dtype::q8_k},   {16, dtype::iq2_xxs}, {17, dtype::iq2_xs},
      {18, dtype::iq3_xxs}, {19, dtype::iq1_s}, {20, dtype::iq4_nl}, {21, dtype::iq3_s},   {22, dtype::iq2_s},
      {23, dtype::iq4_xs},  {24, dtype::i8},    {25, dtype::i16},    {26, dtype::i32},     {27, dtype::i64},
      {28, dtype::f64},     {29, dtype::iq1_m}, {30, dtype::bf16},   {34, dtype::tq1_0},   {35, dtype::tq2_0},
      {39, dtype::mxfp4},   {40, dtype::nvfp4}, {41, dtype::q1_0},
  }};
  for (const auto& [in_file, type] : table)
    if (in_file == number) return type;
  return std::nullopt;
}

/// Bytes of one element of an array, 0 for texts and arrays.
constexpr std::uint64_t size_of(gguf_type type) noexcept {
  switch (type) {
    case gguf_type::u8:
    case gguf_type::i8:
    case gguf_type::boolean:
      return 1;
    case gguf_type::u16:
    case gguf_type::i16:
      return 2;
    case gguf_type::u32:
    case gguf_type::i32:
    case gguf_type::f32:
      return 4;
    case gguf_type::u64:
    case gguf_type::i64:
    case gguf_type::f64:
      return 8;
    default:
      return 0;
  }
}

template <class Read>
gguf_type read_type(cursor<Read>& in, std::string_view file, const std::string& what) {
  const auto number = in.template number<std::uint32_t>("the type of " + what);
  if (number > static_cast<std::uint32_t>(gguf_type::f64))
    refuse(file, what + " has the unknown type " + std::to_string(number) + " at offset " + std::to_string(in.at() - 4));
  return static_cast<gguf_type>(number);
}

template <class Read>
gguf_array read_array(cursor<Read>& in, std::string_view file, const std::string& what) {
  gguf_array array;
  array.elements = read_type(in, file, "the elements of " + what);
  if (array.elements == gguf_type::array) refuse(file, what + " is an array of arrays");
  array.count = in.template number<std::uint64_t>("the number of elements of " + what);
  if (array.elements == gguf_type::text) {
    for (std::uint64_t i = 0; i < array.count; ++i)
      in.skip(in.template number<std::uint64_t>("an element of " + what), 1, "an element of " + what);
  } else {
    in.skip(array.count, size_of(array.elements), what);
  }
  return array;
}

template <class Read>
gguf_value read_value(cursor<Read>& in, std::string_view file, const std::string& what) {
  switch (read_type(in, file, what)) {
    case gguf_type::u8:
      return std::uint64_t{in.template number<std::uint8_t>(what)};
    case gguf_type::u16:
      return std::uint64_t{in.template number<std::uint16_t>(what)};
    case gguf_type::u32:
      return std::uint64_t{in.template number<std::uint32_t>(what)};
    case gguf_type::u64:
      return in.template number<std::uint64_t>(what);
    case gguf_type::i8:
      return std::int64_t{static_cast<std::int8_t>(in.template number<std::uint8_t>(what))};
    case gguf_type::i16:
      return std::int64_t{static_cast<std::int16_t>(in.template number<std::uint16_t>(what))};
    case gguf_type::i32:
      return std::int64_t{static_cast<std::int32_t>(in.template number<std::uint32_t>(what))};
    case gguf_type::i64:
      return static_cast<std::int64_t>(in.template number<std::uint64_t>(what));
    case gguf_type::f32:
      return double{std::bit_cast<float>(in.template number<std::uint32_t>(what))};
    case gguf_type::f64:
      return std::bit_cast<double>(in.template number<std::uint64_t>(what));
    case gguf_type::text:
      return in.text(what);
    case gguf_type::array:
      return read_array(in, file, what);
    case gguf_type::boolean:
      break;
  }
  const auto number = in.template number<std::uint8_t>(what);
  if (number > 1) refuse(file, what + " is neither true nor false but " + std::to_string(number));
  return number == 1;
}

/// The bytes that a tensor's shape (as in the file) needs, every step checked.
inline std::uint64_t size_of_shape(std::string_view file, const std::string& tensor, dtype type,
                                   std::span<const std::uint64_t> shape) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t elements = 1;
  for (const std::uint64_t dimension : shape) {
    if (dimension > largest) refuse(file, tensor + ": a dimension is negative");
    if (dimension != 0 && elements > largest / dimension) refuse(file, tensor + ": the product of its shape passes 2^63");
    elements *= dimension;
  }
  const dtype_block block = block_of(type);
  const std::uint64_t row = shape.empty() ? 1 : shape.front();
  if (row % block.elements != 0)
    refuse(file, tensor + ": rows of " + std::to_string(row) + " elements are no whole blocks of " +
                     std::string(to_string(type)) + ", which has " + std::to_string(block.elements));
  const std::uint64_t blocks = elements / block.elements;
  if (blocks > largest / block.bytes) refuse(file, tensor + ": its size passes 2^63");
  return blocks * block.bytes;
}

template <class Read>
tensor_info read_tensor(cursor<Read>& in, std::string_view file, std::uint64_t index) {
  tensor_info info;
  const std::uint64_t begin = in.at();
  info.name = in.text("the name of tensor " + std::to_string(index), gguf_name_limit);
  const std::string tensor = "tensor " + printable_name(info.name);
  if (const std::string why = tensor_name_fault(info.name); !why.empty())
    refuse(file, tensor + ": " + why + " (at offset " + std::to_string(begin) + ")");
  const auto dimensions = in.template number<std::uint32_t>("the number of dimensions of " + tensor);
  if (dimensions > gguf_dimensions_limit)
    refuse(file,
           tensor + " has " + std::to_string(dimensions) + " dimensions, more than " + std::to_string(gguf_dimensions_limit));
  for (std::uint32_t i = 0; i < dimensions; ++i)
    info.shape.push_back(in.template number<std::uint64_t>("the shape of " + tensor));
  const auto number = in.template number<std::uint32_t>("the type of " + tensor);
  const std::optional<dtype> type = type_numbered(number);
  if (!type) refuse(file, tensor + " has the type " + std::to_string(number) + ", which is unknown or not one of files");
  info.dtype = *type;
  info.size = size_of_shape(file, tensor, info.dtype, info.shape);
  std::reverse(info.shape.begin(), info.shape.end());
  info.offset = in.template number<std::uint64_t>("the offset of " + tensor);
  return info;
}

inline std::uint64_t read_alignment(std::string_view file, const gguf_header& header) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) return 32;
  const std::uint64_t* const alignment = std::get_if<std::uint64_t>(&found->second);
  if (alignment == nullptr || !std::has_single_bit(*alignment) || *alignment > gguf_alignment_limit)
    refuse(file, "general.alignment is not a power of two of at most 2^30");
  return *alignment;
}

/// Rounded up to the alignment; nothing where that passes 2^64.
constexpr std::optional<std::uint64_t> aligned(std::uint64_t n, std::uint64_t alignment) noexcept {
  const std::uint64_t more = (alignment - n % alignment) % alignment;
  if (more > std::numeric_limits<std::uint64_t>::max() - n) return std::nullopt;
  return n + more;
}

inline void check_layout(std::string_view file, const gguf_header& header, std::uint64_t file_size) {
  const std::uint64_t data_size = file_size - std::min(header.data_begin, file_size);
  std::uint64_t expected = 0;
  for (const tensor_info& t : header.tensors) {
    const std::string where = "tensor " + printable_name(t.name) + " at offset " + std::to_string(t.offset) + " of the data";
    if (t.offset != expected)
      refuse(file, where + " should begin at " + std::to_string(expected) + ", where the one before ends");
    if (t.offset > data_size || t.size > data_size - t.offset)
      refuse(file, where + ": its " + std::to_string(t.size) + " bytes pass the end of the file's " + std::to_string(data_size) +
                       " bytes of data");
    expected = *aligned(t.offset + t.size, header.alignment);  // within the file, so far from 2^64
  }
}

}  // namespace gguf_rules

/// The header of a file of `file_size` bytes, of which `read(offset, std::span<std::byte>)` fills pieces. Every tensor lies inside
/// the file, none overlaps another, and each has the size of its shape; anything else throws `larder::error` (corruption) that
/// names `file`, the tensor or entry, and the offset.
template <std::invocable<std::uint64_t, std::span<std::byte>> Read>
gguf_header parse_gguf_header(Read&& read, std::uint64_t file_size, std::string_view file = "gguf") {
  using namespace gguf_rules;
  cursor<std::remove_reference_t<Read>> in(read, file_size, file);
  if (in.template number<std::uint32_t>("the mark \"GGUF\"") != 0x46554747U) refuse(file, "it does not begin with \"GGUF\"");
  gguf_header header;
  header.version = in.template number<std::uint32_t>("the version");
  if ((header.version & 0xffffU) == 0 && header.version != 0)
    refuse(file, "its numbers are big-endian; convert it with gguf-py's gguf_convert_endian");
  if (header.version != 2 && header.version != 3)
    refuse(file, "its version is " + std::to_string(header.version) + "; versions 2 and 3 are read");
  const auto tensors = in.template number<std::uint64_t>("the number of tensors");
  const auto entries = in.template number<std::uint64_t>("the number of metadata entries");
  if (std::max(tensors, entries) > gguf_count_limit)
    refuse(file, "it has " + std::to_string(tensors) + " tensors and " + std::to_string(entries) + " metadata entries; at most " +
                     std::to_string(gguf_count_limit) + " of each are read");
  for (std::uint64_t i = 0; i < entries; ++i) {
    std::string key = in.text("the name of metadata entry " + std::to_string(i), gguf_name_limit);
    const std::string what = "metadata entry " + printable_name(key);
    gguf_value value = read_value(in, file, what);
    if (!header.metadata.try_emplace(std::move(key), std::move(value)).second) refuse(file, what + " is given twice");
  }
  header.alignment = read_alignment(file, header);
  for (std::uint64_t i = 0; i < tensors; ++i) header.tensors.push_back(read_tensor(in, file, i));
  if (const tensor_info* const twice = repeated_tensor(header.tensors))
    refuse(file, "two tensors are named " + printable_name(twice->name));
  header.data_begin = *aligned(in.at(), header.alignment);  // the header ends within 2^28
  check_layout(file, header, file_size);
  return header;
}

}  // namespace larder::format
