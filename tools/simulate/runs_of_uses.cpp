// Caches whose order goes by recency, frequency, or both.
#include "simulate/run_cache.hpp"

#include <larder/eviction/arc.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/w_tinylfu.hpp>

namespace simulate {

template request_counts run_cache<larder::lru>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::lfu>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::arc>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::lirs>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::gdsf>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::w_tinylfu>(const request_trace&, std::uint64_t, counted, const requests_done&);

}  // namespace simulate
