#pragma once

/// The one place that says which version this is; CMake, Conan and the tools read it from here.
#define LARDER_VERSION_MAJOR 0
#define LARDER_VERSION_MINOR 1
#define LARDER_VERSION_PATCH 0
#define LARDER_VERSION_STRING "0.1.0"
