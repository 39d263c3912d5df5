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

/// The element types of safetensors 0.8.
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
};

inline constexpr std::size_t dtype_count = 22;

namespace format {

struct dtype_facts {
  std::string_view name;
  std::uint32_t bits;
};

inline constexpr std::array<dtype_facts, dtype_count> dtype_table{{{"BOOL", 8},
                                                                   {"F4", 4},
                                                                   {"F6_E2M3", 6},
                                                                   {"F6_E3M2", 6},
                                                                   {"U8", 8},
                                                                   {"I8", 8},
                                                                   {"F8_E5M2", 8},
                                                                   {"F8_E4M3", 8},
                                                                   {"F8_E8M0", 8},
                                                                   {"F8_E4M3FNUZ", 8},
                                                                   {"F8_E5M2FNUZ", 8},
                                                                   {"I16", 16},
                                                                   {"U16", 16},
                                                                   {"F16", 16},
                                                                   {"BF16", 16},
                                                                   {"I32", 32},
                                                                   {"U32", 32},
                                                                   {"F32", 32},
                                                                   {"C64", 64},
                                                                   {"F64", 64},
                                                                   {"I64", 64},
                                                                   {"U64", 64}}};

}  // namespace format

/// The name as safetensors writes it: `F32`, `BF16`, `BOOL`.
constexpr std::string_view to_string(dtype type) noexcept { return format::dtype_table[static_cast<std::size_t>(type)].name; }

/// Bits of one element; 4 and 6 for the types that are packed below a byte.
constexpr std::uint32_t bits_of(dtype type) noexcept { return format::dtype_table[static_cast<std::size_t>(type)].bits; }

/// Where an element may begin in memory so that it can be read as its type: 1 to 8 bytes.
constexpr std::size_t alignment_of(dtype type) noexcept {
  if (type == dtype::c64) return 4;  // two floats
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
