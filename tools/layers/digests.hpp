#pragma once

#include <string>

namespace layers {

struct digest_options {
  std::string model;
  std::string manifest;  ///< where it is; empty: beside the model
  bool json = false;
  bool quiet = false;
};

/// Writes the manifest of a model; the exit code: 0 written, 130 interrupted.
int write_digests(const digest_options& options);
/// Compares a model with its manifest and prints what differs; the exit code: 0 nothing, 1 something, 2 there is no manifest, 130 interrupted.
int check_digests(const digest_options& options);

}  // namespace layers
