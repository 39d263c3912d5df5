#pragma once

// The clock for tests lives with the other clocks; this is where users look for it.
#include <larder/core/time.hpp>
