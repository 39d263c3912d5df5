// Compiled with what links larder::yaml, so that linking it is enough for `settings::load` to read YAML.
#include <larder/config/yaml.hpp>
