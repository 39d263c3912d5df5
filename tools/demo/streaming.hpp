#pragma once

#include "demo/options.hpp"
#include "demo/reference.hpp"

namespace demo {

/// Streams the model from its file through less than a third of its size of memory, compares it with its digests, and prints what was read.
outcome stream_from_file(const reference& model);

/// Has two models open at once that differ in some tensors, and prints what the second one found in the memory of the first.
outcome open_together(const reference& base, const reference& tuned);

}  // namespace demo
