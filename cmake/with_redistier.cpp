// Compiled with what links larder::redistier, so that linking it is enough for settings to name a Redis.
#include <larder/config/redis_tier.hpp>
