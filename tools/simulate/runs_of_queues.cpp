// Caches whose order is one or more queues by arrival, and those that go by size or by pass.
#include "simulate/run_cache.hpp"

#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/cyclic.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/sieve.hpp>

namespace simulate {

template request_counts run_cache<larder::fifo>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::clock>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::sieve>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::s3_fifo>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::largest_first>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::cyclic>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::adaptive>(const request_trace&, std::uint64_t, counted, const requests_done&);
template request_counts run_cache<larder::epoch_pin>(const request_trace&, std::uint64_t, counted, const requests_done&);

}  // namespace simulate
