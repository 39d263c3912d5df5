// Compiled with what links larder::httptier, so that linking it is enough for settings to name stores in Azure, S3 and on WebDAV servers.
#include <larder/config/http_tier.hpp>
