#pragma once

#include "demo/options.hpp"
#include "demo/reference.hpp"

namespace demo {

/// Puts both models into chunks, serves them from this process to three clients, and prints what the server did.
outcome serve_to_clients(const reference& base, const reference& tuned, const options& chosen);

}  // namespace demo
