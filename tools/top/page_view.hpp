#pragma once

#include "top/page_request.hpp"
#include "top/view.hpp"

#include <larder/remote/secret.hpp>

#include <memory>

namespace top {

/// A `metrics_server` or a weight server, by its `/status.json`.
std::unique_ptr<view> view_of_page(page_address at, larder::secret token);

}  // namespace top
