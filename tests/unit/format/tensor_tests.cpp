#include <larder/format/tensor.hpp>

#include <cstddef>
#include <string>

#include <doctest/doctest.h>

using larder::dtype;

TEST_CASE("a type is found by its name, and no name is two types'") {
  for (std::size_t i = 0; i < larder::dtype_count; ++i) {
    const auto type = static_cast<dtype>(i);
    CHECK(larder::dtype_named(to_string(type)) == type);
  }
  CHECK(to_string(dtype::u64) == "U64");
  CHECK(to_string(dtype::q4_0) == "Q4_0");
  CHECK(to_string(dtype::q1_0) == "Q1_0");
  CHECK_FALSE(larder::dtype_named("Q8_1"));
}

TEST_CASE("bits are those of an element; of blocks with their scales, rounded up") {
  CHECK(larder::bits_of(dtype::f32) == 32);
  CHECK(larder::bits_of(dtype::f4) == 4);
  CHECK(larder::bits_of(dtype::f6_e2m3) == 6);
  CHECK(larder::bits_of(dtype::c64) == 64);
  CHECK(larder::bits_of(dtype::q4_k) == 5);  // 4.5
  CHECK(larder::block_of(dtype::q4_k).elements == 256);
  CHECK(larder::block_of(dtype::q4_k).bytes == 144);
}

TEST_CASE("only the types of GGUF that share scales are blocked") {
  CHECK_FALSE(larder::is_blocked(dtype::f6_e3m2));
  CHECK_FALSE(larder::is_blocked(dtype::u64));
  CHECK(larder::is_blocked(dtype::q4_0));
  CHECK(larder::is_blocked(dtype::mxfp4));
}

TEST_CASE("an element begins where it can be read as its type") {
  CHECK(larder::alignment_of(dtype::boolean) == 1);
  CHECK(larder::alignment_of(dtype::f6_e2m3) == 1);
  CHECK(larder::alignment_of(dtype::bf16) == 2);
  CHECK(larder::alignment_of(dtype::c64) == 4);
  CHECK(larder::alignment_of(dtype::f64) == 8);
  CHECK(larder::alignment_of(dtype::q8_0) == 4);
}
