#pragma once

#include <cstdint>
#include <string>

namespace dataset {

/// How samples are shown.
enum class shown_as : std::uint8_t {
  automatic,  ///< text where it is UTF-8, else hex
  text,
  hex,
  raw,  ///< the bytes themselves, nothing between them
};

struct head_options {
  std::string directory;
  std::string name;
  std::uint64_t count = 5;
  std::uint64_t skip = 0;
  std::uint64_t most = 0;  ///< bytes of a sample; 0: 4096 of text, 256 in hex
  shown_as as = shown_as::automatic;
  bool json = false;
};
/// Prints samples from the first on; the exit code: 1 when one of them is missing or damaged.
int print_head(const head_options& options);

}  // namespace dataset
