// Compiled with what links larder::toml, so that linking it is enough for `settings::load` to read TOML.
#include <larder/config/toml.hpp>
