#pragma once

#include "model.hpp"

namespace bench {

/// The same model in another folder, with the manifest of its tensors' digests beside it. It is one file under two names.
model with_digests(const model& m);

}  // namespace bench
