#pragma once

#include <larder/core/units.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace demo {

struct options {
  std::filesystem::path model;
  std::filesystem::path directory = ".cache/larder-demo";
  std::uint64_t size = 256'000'000;  // of a model that is made
  std::uint64_t memory = 0;          // 0: half of the model
  std::uint64_t bandwidth = 200'000'000;
  unsigned passes = 3;
  bool cold = false;
};

/// How many tensors were compared with the file, and how many of them were others.
struct outcome {
  std::size_t compared = 0;
  std::size_t wrong = 0;

  void add(const outcome& other) noexcept {
    compared += other.compared;
    wrong += other.wrong;
  }
};

}  // namespace demo
