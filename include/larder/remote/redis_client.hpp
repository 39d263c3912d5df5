#pragma once

// Commands to a Redis server, or to the servers of a cluster: connections are kept, pipelines bounded, redirections followed.
//
// A cluster is noticed by its first MOVED; from then on its slots are known and each key goes to its server at once. MOVED renews what is
// known, ASK sends one command elsewhere; after five in a row the exchange fails. When a server cannot be reached the others are asked who
// serves its slots now, for the exchanges that follow. Redirections name hosts: who may answer as the server says where the password goes,
// which is why it leaves this machine only when the settings allow it.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_connection.hpp>
#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_pool.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/remote/redis_slots.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

struct redis_settings {
  redis_address address;
  redis_login login;
  std::size_t connections = 16;                       ///< per server, at most
  std::uint64_t pipeline = std::uint64_t{16} << 20U;  ///< bytes of requests and answers under way in one exchange
};

/// How an exchange is meant.
struct redis_exchange {
  bool repeatable = true;  ///< sent again when the server closed an idle connection just then
  bool tolerant = false;   ///< commands that the server refuses are left out
  std::stop_token stop{};
};

/// Safe from many threads. A child of `fork` opens connections of its own.
class redis_client {
 public:
  explicit redis_client(redis_settings settings) : settings_(std::move(settings)) {}

  const redis_settings& settings() const noexcept { return settings_; }

  /// Sends commands about one key (or keys of its slot) and gives each answer to `take(index, connection)`, which reads exactly one reply;
  /// answers of one server come in the commands' order. What the server refuses is thrown when all answers were taken.
  template <class Take>
  void run(std::string_view key, std::span<const redis_command> commands, Take&& take, const redis_exchange& how = {}) {
    servers& mine = servers_.get();
    group all{mine.of_slot(redis_slot(key)), false, std::vector<std::size_t>(commands.size())};
    std::iota(all.commands.begin(), all.commands.end(), std::size_t{0});
    run_groups(mine, std::move(all), commands, take, how);
  }
  /// One command, one reply.
  redis_reply ask(std::string_view key, const redis_command& command, const redis_exchange& how = {}) {
    redis_reply answer;
    run(
        key, {&command, 1}, [&](std::size_t, redis_connection& connection) { answer = connection.reply(); }, how);
    return answer;
  }

  /// f(each) for every server that has keys: one, or the masters of a cluster; `each(commands, take)` then is `run` on that server, for
  /// commands that name no key.
  template <class F>
  void for_each_server(F&& f) {
    servers& mine = servers_.get();
    for (redis_pool* const pool : mine.all())
      f([this, &mine, pool](std::span<const redis_command> commands, auto&& take, const redis_exchange& how) {
        group all{pool, false, std::vector<std::size_t>(commands.size())};
        std::iota(all.commands.begin(), all.commands.end(), std::size_t{0});
        this->run_groups(mine, std::move(all), commands, take, how);
      });
  }

  /// An exchange with one server counts as one request, however many commands it has; each try for itself.
  void add_to(remote_report& report) const {
    report.requests += requests_.load();
    report.retries += retries_.load();
  }

 private:
  static constexpr int most_redirections = 5;

  /// Commands for one server.
  struct group {
    redis_pool* server;
    bool asking;
    std::vector<std::size_t> commands;
  };

  /// What one process knows of the servers. Pools stay where they are until the end.
  class servers {
   public:
    explicit servers(const redis_settings* settings) : settings_(*settings), seed_(&pool(settings->address)) {}

    const redis_settings& settings() const noexcept { return settings_; }

    redis_pool* of_slot(std::uint16_t slot) {
      const std::lock_guard guard(mutex_);
      if (!slots_) return seed_;
      const redis_address* const master = slots_->find(slot);
      return master == nullptr ? seed_ : &pool(*master);
    }
    redis_pool& at(const redis_address& address) {
      const std::lock_guard guard(mutex_);
      return pool(address);
    }
    /// One, or each master of a cluster.
    std::vector<redis_pool*> all() {
      {
        const std::lock_guard guard(mutex_);
        if (known_single_) return {seed_};
      }
      try {
        learn(*seed_);
      } catch (const error&) {
        const std::lock_guard guard(mutex_);
        if (!slots_) throw;
      }
      const std::lock_guard guard(mutex_);
      std::vector<redis_pool*> out;
      if (slots_)
        for (const redis_address& master : slots_->masters()) out.push_back(&pool(master));
      if (out.empty()) out.push_back(seed_);
      return out;
    }
    void moved(const redis_redirection& where) {
      try {
        learn(at(where.target));
      } catch (const error&) {  // then this slot is all that is known
      }
      const std::lock_guard guard(mutex_);
      if (!slots_) slots_.emplace();
      slots_->assign(where.slot, where.target);
    }
    /// A server cannot be reached: whichever of some others answers says who serves what.
    void lost(const redis_pool& server) noexcept {
      std::vector<redis_pool*> others;
      try {
        const std::lock_guard guard(mutex_);
        if (!slots_) return;
        for (const auto& each : pools_)
          if (each.get() != &server && others.size() < most_asked) others.push_back(each.get());
      } catch (const std::exception&) {
        return;
      }
      for (redis_pool* const each : others) {
        try {
          if (learn(*each)) return;
        } catch (const std::exception&) {  // the next one, then
        }
      }
    }

   private:
    static constexpr std::size_t most_asked = 3;  // each may take as long as a connection may

    redis_pool& pool(const redis_address& address) {
      for (const auto& each : pools_)
        if (each->address() == address) return *each;
      constexpr std::size_t most_servers = 1000;  // a cluster is recommended to have at most so many
      if (pools_.size() >= most_servers)
        core::fail(error_cause::server, settings_.address.printable() + " named more than " + std::to_string(most_servers) +
                                            " servers of its cluster");
      return *pools_.emplace_back(std::make_unique<redis_pool>(address, settings_.login, settings_.connections));
    }
    /// Asks a server who serves the slots; false when it is not one of a cluster.
    bool learn(redis_pool& server) {
      const redis_pool::lease connection = server.take(false, {});
      const redis_command question{"CLUSTER", "SLOTS"};
      connection->begin({});
      connection->queue(question);
      connection->flush();
      const redis_reply answer = connection->reply();
      std::optional<redis_slots> read = redis_slots::read(answer, server.address());
      const std::lock_guard guard(mutex_);
      if (read && !read->masters().empty())
        slots_ = std::move(read);
      else if (&server == seed_ && answer.is(redis_reply::type::error) && redis_error_code(answer.text) == "ERR")
        known_single_ = true;  // "This instance has cluster support disabled"
      return slots_.has_value();
    }

    const redis_settings& settings_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<redis_pool>> pools_;
    redis_pool* seed_;
    std::optional<redis_slots> slots_;  // of a cluster
    bool known_single_ = false;
  };

  template <class Take>
  void run_groups(servers& mine, group first, std::span<const redis_command> commands, Take& take, const redis_exchange& how) {
    std::vector<group> now;
    now.push_back(std::move(first));
    for (int redirected = 0; !now.empty(); ++redirected) {
      if (redirected > most_redirections)
        core::fail(error_cause::server, "a request was redirected more than " + std::to_string(most_redirections) +
                                            " times by the cluster of " + mine.settings().address.printable());
      std::vector<group> next;
      for (const group& each : now)
        if (const std::optional<redis_redirection> moved = run_group(mine, each, commands, take, how, next)) mine.moved(*moved);
      now = std::move(next);
    }
  }

  /// The exchange with one server; what it redirects goes to `next`, and the last MOVED is told.
  template <class Take>
  std::optional<redis_redirection> run_group(servers& mine, const group& what, std::span<const redis_command> commands,
                                             Take& take, const redis_exchange& how, std::vector<group>& next) {
    for (bool fresh = false;; fresh = true) {
      bool answered = false;
      bool used = false;
      requests_.add();
      if (fresh) retries_.add();
      try {
        const redis_pool::lease connection = what.server->take(fresh, how.stop);
        used = connection.is_used();
        connection->begin(how.stop);
        return converse(mine, *connection, what, commands, take, how, answered, next);  // the connection goes back first
      } catch (const error& failure) {
        if (failure.cause() != error_cause::network && failure.cause() != error_cause::timeout) throw;
        if (used && !answered && how.repeatable && failure.cause() == error_cause::network) continue;
        mine.lost(*what.server);
        throw;
      }
    }
  }

  template <class Take>
  static std::optional<redis_redirection> converse(servers& mine, redis_connection& connection, const group& what,
                                                   std::span<const redis_command> commands, Take& take, const redis_exchange& how,
                                                   bool& answered, std::vector<group>& next) {
    const redis_command asking{"ASKING"};
    std::optional<redis_redirection> moved;
    std::string refused;
    bool is_refused = false;
    std::uint64_t under_way = 0;
    std::size_t sent = 0;
    for (std::size_t taken = 0; taken < what.commands.size(); ++taken) {
      bool more = false;
      while (sent < what.commands.size() &&
             (sent == taken || under_way + commands[what.commands[sent]].weight() <= mine.settings().pipeline)) {
        const redis_command& each = commands[what.commands[sent++]];
        if (what.asking) connection.queue(asking);
        connection.queue(each);
        under_way += each.weight();
        more = true;
      }
      if (more) connection.flush();
      const std::size_t index = what.commands[taken];
      if (what.asking) static_cast<void>(connection.reply());
      const bool failed = connection.is_error_next();
      answered = true;
      if (failed) {
        std::string text = connection.reply().text;
        if (std::optional<redis_redirection> to = parse_redirection(text, connection.address())) {
          add(next, mine.at(to->target), to->ask, index);
          if (!to->ask) moved = std::move(to);
        } else if (!is_refused) {
          is_refused = true;
          refused = std::move(text);
        }
      } else {
        take(index, connection);
      }
      under_way -= commands[index].weight();
    }
    if (is_refused && !how.tolerant) fail_redis(connection.name(), refused);
    return moved;
  }

  static void add(std::vector<group>& to, redis_pool& server, bool asking, std::size_t command) {
    for (group& each : to)
      if (each.server == &server && each.asking == asking) return each.commands.push_back(command);
    to.push_back({&server, asking, {command}});
  }

  const redis_settings settings_;
  sync::per_process<servers, const redis_settings*> servers_{&settings_};
  sync::counter<true> requests_, retries_;
};

}  // namespace larder::remote
