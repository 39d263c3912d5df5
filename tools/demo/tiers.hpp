#pragma once

#include "demo/options.hpp"
#include "demo/reference.hpp"

namespace demo {

/// Streams the model in passes through memory, disk and a server, and prints what each tier did.
outcome stream_through_tiers(const reference& model, const options& chosen);

}  // namespace demo
