#pragma once

// What weight files say of a tensor: its name, element type, shape and place. Shared by every format that holds tensors.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// The element types of safetensors 0.8 and, from `q4_0` on, the types of GGUF whose elements come in blocks that share their scales.
enum class dtype : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  q8_k,
  iq1_s,
  iq1_m,
  iq2_xxs,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_s,
  iq4_nl,
  iq4_xs,
  tq1_0,
  tq2_0,
  mxfp4,
  nvfp4,
  q1_0,
};

inline constexpr std::size_t dtype_count = 47;

/// The smallest run of elements that takes whole bytes.
struct dtype_block {
  std::uint32_t elements;
  std::uint32_t bytes;
};

namespace format {

struct dtype_facts {
  std::string_view name;
  dtype_block block;
};

inline constexpr std::array<dtype_facts, dtype_count> dtype_table{{
    {"BOOL", {1, 1}},        {"F4", {2, 1}},         {"F6_E2M3", {4, 3}},  {"F6_E3M2", {4, 3}},    {"U8", {1, 1}},
    {"I8", {1, 1}},          {"F8_E5M2", {1, 1}},    {"F8_E4M3", {1, 1}},  {"F8_E8M0", {1, 1}},    {"F8_E4M3FNUZ", {1, 1}},
    {"F8_E5M2FNUZ", {1, 1}}, {"I16", {1, 2}},        {"U16", {1, 2}},      {"F16", {1, 2}},        {"BF16", {1, 2}},
    {"I32", {1, 4}},         {"U32", {1, 4}},        {"F32", {1, 4}},      {"C64", {1, 8}},        {"F64", {1, 8}},
    {"I64", {1, 8}},         {"U64", {1, 8}},        {"Q4_0", {32, 18}},   {"Q4_1", {32, 20}},     {"Q5_0", {32, 22}},
    {"Q5_1", {32, 24}},      {"Q8_0", {32, 34}},     {"Q2_K", {256, 84}},  {"Q3_K", {256, 110}},   {"Q4_K", {256, 144}},
    {"Q5_K", {256, 176}},    {"Q6_K", {256, 210}},   {"Q8_K", {256, 292}}, {"IQ1_S", {256, 50}},   {"IQ1_M", {256, 56}},
    {"IQ2_XXS", {256, 66}},  {"IQ2_XS", {256, 74}},  {"IQ2_S", {256, 82}}, {"IQ3_XXS", {256, 98}}, {"IQ3_S", {256, 110}},
    {"IQ4_NL", {32, 18}},    {"IQ4_XS", {256, 136}}, {"TQ1_0", {256, 54}}, {"TQ2_0", {256, 66}},   {"MXFP4", {32, 17}},
    {"NVFP4", {64, 36}},     {"Q1_0", {128, 18}},
}};

}  // namespace format

/// The name as its format writes it: `F32`, `BF16`, `BOOL`, `Q4_K`.
constexpr std::string_view to_string(dtype type) noexcept { return format::dtype_table[static_cast<std::size_t>(type)].name; }

/// Whether elements share scales in blocks, so that no element can be read without its block: the types of GGUF that
/// safetensors does not have.
constexpr bool is_blocked(dtype type) noexcept { return type >= dtype::q4_0; }

/// How elements of the type take bytes: `F32` {1, 4}, `F4` {2, 1}, `Q4_K` {256, 144}.
constexpr dtype_block block_of(dtype type) noexcept { return format::dtype_table[static_cast<std::size_t>(type)].block; }

/// Bits of one element; 4 and 6 for the types that are packed below a byte. Of blocked types what an element takes, scales
/// included, rounded up; `block_of` is exact.
constexpr std::uint32_t bits_of(dtype type) noexcept {
  const dtype_block block = block_of(type);
  return (block.bytes * 8 + block.elements - 1) / block.elements;
}

/// Where an element may begin in memory so that it can be read as its type: 1 to 8 bytes.
constexpr std::size_t alignment_of(dtype type) noexcept {
  if (type == dtype::c64 || is_blocked(type)) return 4;  // two floats; scales of up to 4 bytes
  return bits_of(type) < 8 ? 1 : bits_of(type) / 8;
}

/// The type with that name, or nothing.
constexpr std::optional<dtype> dtype_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < dtype_count; ++i)
    if (format::dtype_table[i].name == name) return static_cast<dtype>(i);
  return std::nullopt;
}

/// A tensor's description. `offset` counts from the begin of whatever holds it: a file's data, or a layer's memory.
struct tensor_info {
  std::string name;
  larder::dtype dtype = larder::dtype::u8;
  std::vector<std::uint64_t> shape;  ///< empty for a single number
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< bytes

  friend bool operator==(const tensor_info&, const tensor_info&) = default;
};

}  // namespace larder
