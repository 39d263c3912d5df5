#pragma once

// The engine behind a cache on a blob store: no index, one object per entry under the digest of its key, in the frame of
// format/entry_frame.hpp. What comes back is taken for hostile: key, length and checksum must be the expected ones.

#include <larder/codec/codec.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_download.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/sync/absent_keys.hpp>
#include <larder/sync/cost_gate.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/doubted_keys.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::storage {

template <class Key, class Value, class Context>
class remote_engine {
 public:
  using key_view = core::key_view<Key>;
  using store_type = typename Context::storage::store;
  static constexpr bool keeps_index = false;
  static constexpr bool leases_loads = requires(store_type& store) { store.leases(); };

  /// Nobody is told who leaves a remote storage.
  struct departures {};

  struct address {
    digest id;
    bytes key;
    std::string name;
  };

  explicit remote_engine(Context& context)
      : context_(context), store_(policy_of(context), context.errors()), absent_(absent_options(policy_of(context))), gate_(gate_options(policy_of(context))) {}

  address locate(key_view key) const {
    bytes encoded = codec<Key>::encode(key);
    const digest id = digest_of(encoded.span());
    return {id, std::move(encoded), name_of(id)};
  }

  /// `control` and `landing` are for values that come in pieces, where the store can do that.
  template <class F>
  bool read(const address& at, look how, F&& f, const transfer_control& control = {}, value_landing* landing = nullptr) {
    instant written{0};
    std::optional<Value> value = context_.attempt([&]() -> std::optional<Value> {
      if (doubts_.about(at.id.low)) return std::nullopt;  // what is there may be older than what was put
      const instant now = context_.now();
      const auto living = [&](const format::entry_frame& frame) { return !context_.too_old(frame.written, frame.written, frame.expires, now); };
      entry_download target(at.id, at.key, living, landing);
      if (!unless_absent(at, [&] { return bring(at.name, target, control); })) {
        target.discard();
        return std::nullopt;
      }
      const std::optional<format::entry_frame>& frame = target.finish();
      if (!frame) {
        context_.errors().report(error_cause::corruption, "the object " + at.name + " is damaged or is not the entry of its name; it is not used");
        return std::nullopt;
      }
      if (!target.wants(*frame)) return std::nullopt;
      written = frame->written;
      return codec<Value>::decode(target.payload());
    });
    if (how == look::use) (value ? hits_ : misses_).add();
    if (!value) return false;
    f(std::as_const(*value), written);
    return true;
  }

  bool contains(const address& at) {
    return context_.guarded(false, [&] {
      if (doubts_.about(at.id.low)) return false;
      constexpr bool expires = Context::template has<ttl> || Context::set::template count<axis::expiry> != 0;
      if constexpr (!expires) {
        return unless_absent(at, [&] { return store_.head(at.name); }).has_value();
      } else {
        if (is_known_absent(at)) return false;
        const std::optional<format::entry_frame> frame = head_of(at.name, nullptr);
        return frame && !context_.too_old(frame->written, frame->written, frame->expires, context_.now());
      }
    });
  }

  bool write(const address& at, Value&& value, const write_mode& mode, departures&) {
    bool present = false;
    const bool stored = context_.guarded(false, [&] {
      const instant now = context_.now();
      stored_entry entry{at.id, at.key, codec<Value>::encode(value), {}};
      entry.info = {entry.payload.size(), now, now, context_.own_deadline(mode, now)};
      if (mode.lease != nullptr && mode.lease->is_lost()) {  // erased, or loaded elsewhere, since: what is there by now is not ours to judge
        present = true;
        return false;
      }
      const bool in_chunks = fetching_store<store_type> && entry.payload.size() > format::entry_frame::usual_chunk;
      const std::array<bytes, 2> parts{in_chunks ? format::encode_chunked_head(entry) : format::encode_entry_head(entry), entry.payload};
      const auto put = [&](put_mode how) { return put_object(at.name, parts, how, entry.info.expires, now, mode.control); };
      if (mode.only_if_absent && !doubts_.about(at.id.low)) {
        if (put(put_mode::create_only)) return true;
        absent_.drop(at.id.low);
        // Somebody's entry is there; an expired or damaged one does not count.
        present = contains_living(at);
        if (present) return false;
      }
      return put(put_mode::replace);
    });
    absent_.drop(at.id.low);  // also after a failure, which may have come after the deed
    if (stored)
      insertions_.add();
    else if (!present)
      refused_.add();
    if (!present) doubts_.after_write(at.id.low, !stored);
    return stored;
  }

  bool erase(const address& at, departures&) {
    bool failed = true;
    const bool erased = context_.guarded(false, [&] {
      if constexpr (leases_loads) store_.leases().revoke(at.id);
      const bool was = store_.erase(at.name);
      failed = false;
      return was;
    });
    doubts_.after_write(at.id.low, failed);
    return erased;
  }

  template <class Drop>
  std::size_t erase_if(Drop&& drop, core::sweep& sweep) {
    std::size_t count = 0;
    each_entry(sweep, [&](const address& at, const Key& key, const format::entry_frame&) {
      bool chosen = false;
      if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>)
        read(at, look::peek, [&](const Value& value, instant) { chosen = drop(key, value); });
      else
        chosen = drop(key);
      departures none;
      if (chosen && erase(at, none)) ++count;
    });
    return count;
  }

  void clear(core::sweep& sweep) {
    bool failed = false;
    each_name(sweep, [&](const std::string& name) { failed = context_.guarded(true, [&] { return store_.erase(name), false; }) || failed; }, &failed);
    doubts_.after_clear(failed);
  }

  std::size_t purge_expired(core::sweep& sweep) {
    std::size_t count = 0;
    const instant now = context_.now();
    each_name(sweep, [&](const std::string& name) {
      context_.guarded(false, [&] {
        const std::optional<format::entry_frame> frame = head_of(name, nullptr);
        if (!frame || !context_.too_old(frame->written, frame->written, frame->expires, now)) return false;
        if (store_.erase(name)) {
          ++count;
          expirations_.add();
        }
        return true;
      });
    });
    return count;
  }

  template <class F>
  void for_each(F&& f, core::sweep& sweep) {
    const instant now = context_.now();
    each_entry(sweep, [&](const address&, const Key& key, const format::entry_frame& frame) {
      if (!context_.too_old(frame.written, frame.written, frame.expires, now)) f(key, frame.payload_size, now - frame.written);
    });
  }

  /// Whether a load that begins now does without the remote, because loading is quicker; counted.
  bool bypasses() noexcept {
    if (!gate_.bypasses(steady_time::now())) return false;
    bypassed_.add();
    return true;
  }
  void note_load(duration cost) noexcept { gate_.note_load(cost); }

  /// The leases of loads, among the processes and machines that share the storage.
  auto& leases()
    requires leases_loads
  {
    return store_.leases();
  }

  bool admits(const address&, std::uint64_t) const noexcept { return true; }
  void count_join(const address&) noexcept { joined_.add(); }
  void add_to(cache_stats& stats) const noexcept {
    stats.hits += hits_.load();
    stats.misses += misses_.load();
    stats.insertions += insertions_.load();
    stats.expirations += expirations_.load();
    stats.refused += refused_.load();
    stats.joined += joined_.load();
    if constexpr (reports) {
      const std::lock_guard lock(reset_mutex_);
      stats.remote = report().since(at_reset_);
    }
  }
  void reset_stats() noexcept {
    if constexpr (reports) {
      const std::lock_guard lock(reset_mutex_);
      at_reset_ = report();
    }
    for (sync::counter<true>* c : {&hits_, &misses_, &insertions_, &expirations_, &refused_, &joined_}) c->store(0);
  }
  void flush() noexcept {}
  void tell(departures&) noexcept {}

 private:
  static constexpr std::string_view folder = "entries/";
  /// Enough for the head of an entry with a usual key in one request.
  static constexpr std::uint64_t head_request = 4096;

  static constexpr bool reports = requires(const store_type& store) { store.report(); };

  static const auto& policy_of(Context& context) { return context.policies().template get<typename Context::storage>(); }
  template <class Policy>
  static absent_keys_options absent_options(const Policy& policy) {
    if constexpr (requires { policy.resilience.absent; })
      return policy.resilience.absent;
    else
      return {};
  }
  template <class Policy>
  static cost_gate_options gate_options(const Policy& policy) {
    if constexpr (requires { policy.resilience.bypass; })
      return policy.resilience.bypass;
    else
      return {.on = false};
  }

  remote_report report() const {
    remote_report out = store_.report();
    out.known_absent += known_absent_.load();
    out.bypassed += bypassed_.load();
    return out;
  }

  bool is_known_absent(const address& at) {
    if (!absent_.knows(at.id.low, steady_time::now())) return false;
    known_absent_.add();
    return true;
  }
  /// What `ask` says of the object, which is not asked while the object is known to be absent; what it costs and that it says so is remembered.
  template <class Ask>
  auto unless_absent(const address& at, Ask&& ask) -> decltype(ask()) {
    if (is_known_absent(at)) return {};
    const std::uint32_t ticket = absent_.ticket(at.id.low);
    const instant begun = steady_time::now();
    auto found = ask();  // something, or that there is none
    const instant now = steady_time::now();
    gate_.note_look_up(now - begun, now);
    if (!found) absent_.note(at.id.low, ticket, now);
    return found;
  }

  static std::string name_of(const digest& id) {
    const std::string hex = id.hex();
    return std::string(folder) + hex.substr(0, 2) + "/" + hex;
  }
  /// Stores an object: followed by `control`, or of no use after `expires`, which a store that drops objects by itself is told; no put
  /// has both. One whose way cannot be followed is given up before it begins, or not at all.
  bool put_object(const std::string& name, const std::array<bytes, 2>& parts, put_mode how, instant expires, instant now,
                  const transfer_control* control) {
    if (control != nullptr) {
      if constexpr (followed_store<store_type>) return store_.put(name, parts, how, *control);
      if (control->stop.stop_requested()) core::fail(error_cause::cancelled, "a put was not begun because a stop was requested");
    }
    if constexpr (expiring_blob_store<store_type>)
      if (expires != no_deadline) return store_.put(name, parts, how, expires - now);
    return store_.put(name, parts, how);
  }
  /// Lets an object land in the target; false when there is none.
  bool bring(const std::string& name, entry_download& target, [[maybe_unused]] const transfer_control& control) {
    if constexpr (fetching_store<store_type>) {
      return store_.fetch(name, target, control);
    } else {
      std::optional<bytes> object = store_.get(name, byte_range{});
      if (!object) return false;
      target.take({object->size(), {}}, std::move(*object));
      return true;
    }
  }

  /// The frame of an object by its head alone, and its encoded key when asked for.
  std::optional<format::entry_frame> head_of(const std::string& name, bytes* key) {
    const std::optional<blob_info> info = store_.head(name);
    if (!info) return std::nullopt;
    std::optional<bytes> head = store_.get(name, {0, head_request});
    if (!head) return std::nullopt;
    const std::optional<std::uint64_t> needed = format::entry_head_size(head->span());
    if (!needed || *needed > info->size) return std::nullopt;
    if (*needed > head->size()) {
      head = store_.get(name, {0, *needed});
      if (!head) return std::nullopt;
    }
    const std::optional<format::entry_frame> frame = format::decode_entry_head(head->span(), info->size);
    if (frame && key != nullptr) *key = head->slice(format::entry_frame::header_size, frame->key_size);
    return frame;
  }

  bool contains_living(const address& at) {
    bool living = false;
    read(at, look::peek, [&](const Value&, instant) { living = true; });
    return living;
  }

  /// The names of all entries.
  std::vector<std::string> names(core::sweep& sweep, bool* failed) {
    std::vector<std::string> all;
    std::exception_ptr ended;  // by the caller, which is no failure of the store
    const bool listed = context_.guarded(false, [&] {
      try {
        store_.list(folder, [&](std::string_view name, const blob_info&) {
          // A listing is the remote's word: only names that could be ours are used.
          if (name.size() != folder.size() + 3 + 32 || !name.starts_with(folder)) return;
          const std::optional<digest> id = digest::parse(name.substr(name.size() - 32));
          if (!id || name_of(*id) != name) return;
          all.emplace_back(name);
          try {
            sweep.found(all.size());
          } catch (...) {
            ended = std::current_exception();
            throw;
          }
        });
      } catch (...) {
        if (!ended) throw;
      }
      return true;
    });
    if (ended) std::rethrow_exception(ended);
    if (failed != nullptr) *failed = !listed;
    return all;
  }

  template <class F>
  void each_name(core::sweep& sweep, F&& f, bool* failed = nullptr) {
    for (const std::string& name : names(sweep, failed)) {
      sweep.next();
      f(name);
    }
    sweep.finish();
  }
  template <class F>
  void each_entry(core::sweep& sweep, F&& f) {
    each_name(sweep, [&](const std::string& name) {
      bytes encoded;
      const std::optional<format::entry_frame> frame = context_.attempt([&] { return head_of(name, &encoded); });
      if (!frame) return;
      const address at{digest_of(encoded.span()), encoded, name};
      if (name_of(at.id) != name) return;
      const std::optional<Key> key = context_.attempt([&] { return std::optional<Key>(codec<Key>::decode(encoded)); });
      if (key) f(at, *key, *frame);
    });
  }

  Context& context_;
  store_type store_;
  sync::doubted_keys<std::uint64_t> doubts_;
  sync::absent_keys absent_;
  sync::cost_gate gate_;
  sync::counter<true> hits_, misses_, insertions_, expirations_, refused_, joined_, known_absent_, bypassed_;
  mutable std::mutex reset_mutex_;
  remote_report at_reset_;  // what had happened then; under reset_mutex_
};

}  // namespace larder::storage
