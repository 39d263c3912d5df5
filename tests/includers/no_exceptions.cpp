#include <larder/larder.hpp>
