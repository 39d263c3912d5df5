#include "models/model_packages.hpp"

#include "disk/json_object.hpp"
#include "disk/time_text.hpp"
#include "disk/work_progress.hpp"
#include "exit_code.hpp"
#include "models/followed_transfer.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"
#include "subcommand.hpp"

#include <larder/artifact/http_fetch.hpp>
#include <larder/artifact/package_store.hpp>
#include <larder/core/units.hpp>
#include <larder/remote/environment.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace models {
namespace {

using larder::format_size;
using simulate::grouped;
using simulate::printable;

void check_home(const std::string& home) {
  if (!std::filesystem::is_directory(home))
    larder::core::fail(larder::error_cause::io, "\"" + home + "\" is no folder; name the home of a package_store");
}

larder::package_store_settings settings_of(const source_options& options) {
  larder::package_store_settings settings;
  settings.require_digest = options.require_digest;
  settings.quota = options.quota;
  settings.hub_caches.assign(options.hubs.begin(), options.hubs.end());
  return settings;
}

larder::http_fetch fetch_of(const source_options& options) {
  larder::http_fetch_settings settings;
  for (const auto& [name, variable] : options.headers) {
    const std::optional<std::string> value = larder::remote::process_environment(variable);
    if (!value)
      larder::core::fail(larder::error_cause::invalid_argument, "--header-from: the variable " + variable + " is not set");
    settings.headers.push_back({name, larder::secret(*value)});
  }
  return larder::http_fetch(std::move(settings));
}

std::vector<larder::package_file> files_of(const source_options& options) {
  std::vector<larder::package_file> files;
  for (const auto& [name, url] : options.urls) files.push_back({name, url});
  for (const auto& [name, digest] : options.digests) {
    const auto file = std::find_if(files.begin(), files.end(),
                                   [&, of = std::string_view(name)](const larder::package_file& f) { return f.name == of; });
    if (file == files.end()) larder::core::fail(larder::error_cause::invalid_argument, "--digest: there is no --file " + name);
    file->digest = larder::expected_digest(digest);
  }
  return files;
}

std::string json_of(const larder::packaged_file& file) {
  return disk::json_object()
      .add("name", file.name)
      .add("digest", file.digest.text())
      .add("size", file.size)
      .add("verified", file.is_verified())
      .add("kept", larder::to_string(file.kept))
      .text();
}
std::string json_of(const larder::file_report& file) {
  std::string chunks = "[";
  for (const std::size_t chunk : file.damaged_chunks) chunks += (chunks.size() == 1 ? "" : ", ") + std::to_string(chunk);
  return disk::json_object()
      .add("name", file.name)
      .add("is", larder::to_string(file.fault))
      .add("size", file.size)
      .add("verified", file.verified)
      .member("damaged_chunks", chunks + "]")
      .text();
}

template <class Each>
std::string json_array(const Each& each) {
  std::string text = "[";
  for (const auto& one : each) text += (text.size() == 1 ? "" : ", ") + json_of(one);
  return text + "]";
}

int print_package(const larder::package& p, const larder::package_store_stats& stats, bool json) {
  if (json) {
    std::printf("%s\n", disk::json_object()
                            .add("model", p.model_id())
                            .add("package", p.package_id())
                            .add("folder", p.folder().string())
                            .add("size", p.size())
                            .add("fetched_files", stats.fetched_files)
                            .add("fetched_bytes", stats.fetched_bytes)
                            .add("shared_files", stats.shared_files)
                            .add("hub_files", stats.hub_files)
                            .add("unverified_files", stats.unverified_files)
                            .member("files", json_array(p.files()))
                            .text()
                            .c_str());
  } else {
    std::printf("%s\n", printable(p.folder().string()).c_str());
    std::fprintf(stderr, "%s files, %s; %s fetched, %s were here\n", grouped(p.files().size()).c_str(),
                 format_size(p.size()).c_str(), format_size(stats.fetched_bytes).c_str(),
                 grouped(stats.shared_files + stats.hub_files).c_str());
  }
  return tools::exit_code::done;
}

int print_removed(const larder::removal_report& removed, bool json) {
  if (json)
    std::printf("%s\n", disk::json_object()
                            .add("packages", removed.packages)
                            .add("blobs", removed.blobs)
                            .add("bytes", removed.bytes)
                            .add("in_use", removed.in_use)
                            .text()
                            .c_str());
  else
    std::printf("%s packages and %s blobs removed, %s\n", grouped(removed.packages).c_str(), grouped(removed.blobs).c_str(),
                format_size(removed.bytes).c_str());
  return tools::exit_code::done;
}

}  // namespace

int list_packages(const store_options& options) {
  check_home(options.home);
  const larder::package_store store(options.home);
  const std::vector<larder::package_info> all = store.list();
  const larder::instant now = larder::wall_time::now();
  const char* separator = "\n";
  if (options.json) std::fputs("[", stdout);
  constexpr const char* row = "%10s  %6s  %-16s  %-6s  %-24s  %s\n";
  for (const larder::package_info& one : all) {
    if (options.json) {
      std::printf("%s%s", separator,
                  disk::json_object()
                      .add("model", one.manifest.model_id)
                      .add("package", one.manifest.package_id)
                      .add("size", one.size())
                      .add("last_use", disk::utc_time(one.last_use))
                      .add("pinned", one.pinned)
                      .add("folder", one.folder.string())
                      .member("files", json_array(one.manifest.files))
                      .text()
                      .c_str());
      separator = ",\n";
      continue;
    }
    if (&one == &all.front()) std::printf(row, "SIZE", "FILES", "USED", "PINNED", "PACKAGE", "MODEL");
    std::printf(row, format_size(one.size()).c_str(), grouped(one.manifest.files.size()).c_str(),
                disk::distance_text(one.last_use, now).c_str(), one.pinned ? "yes" : "-",
                printable(one.manifest.package_id).c_str(), printable(one.manifest.model_id).c_str());
  }
  if (options.json) {
    std::fputs(all.empty() ? "]\n" : "\n]\n", stdout);
  } else {
    const larder::store_usage usage = store.usage();
    std::fprintf(stderr, "%s packages, %s in %s blobs and files of their own; %s blobs are in none\n",
                 grouped(usage.packages).c_str(), format_size(usage.bytes()).c_str(), grouped(usage.blobs).c_str(),
                 grouped(usage.unreferenced_blobs).c_str());
  }
  return tools::exit_code::done;
}

int add_package(const source_options& options) {
  const std::vector<larder::package_file> files = files_of(options);
  const larder::http_fetch fetch = fetch_of(options);
  larder::package_store store(options.home, settings_of(options));
  followed_transfer transfer("fetching", options.quiet || options.json);
  return interruptible(transfer, [&] {
    const larder::package p = store.get(options.model, options.package, files, fetch, transfer.control());
    transfer.end();
    return print_package(p, store.stats(), options.json);
  });
}

int repair_package(const source_options& options) {
  check_home(options.home);
  const larder::http_fetch fetch = fetch_of(options);
  larder::package_store store(options.home, settings_of(options));
  // What the package has is what it is to have; addresses alone have to be said again.
  std::vector<larder::package_file> files;
  for (const larder::package_info& info : store.list()) {
    if (info.manifest.model_id != options.model || info.manifest.package_id != options.package) continue;
    for (const larder::packaged_file& file : info.manifest.files)
      files.push_back(
          {file.name, "", file.is_verified() ? larder::expected_digest(file.digest) : larder::expected_digest(), file.size});
  }
  if (files.empty())
    larder::core::fail(larder::error_cause::io,
                       "there is no package " + options.package + " of " + options.model + "; larder models add fetches one");
  for (const auto& [name, url] : options.urls) {
    const auto file = std::find_if(files.begin(), files.end(),
                                   [&, of = std::string_view(name)](const larder::package_file& f) { return f.name == of; });
    if (file == files.end()) larder::core::fail(larder::error_cause::invalid_argument, "--file: the package has no file " + name);
    file->url = url;
  }
  const larder::fetch_function known_only = [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
    if (url.empty())
      larder::core::fail(larder::error_cause::invalid_argument,
                         "a file is damaged or missing, and no --file says where it comes from; larder models verify names it");
    fetch(url, range, sink);
  };
  followed_transfer transfer("repairing", options.quiet || options.json);
  return interruptible(transfer, [&] {
    const larder::repair_report report = store.repair(options.model, options.package, files, known_only, transfer.control());
    transfer.end();
    if (options.json)
      std::printf("%s\n", disk::json_object()
                              .add("mended_files", report.mended_files)
                              .add("fetched_files", report.fetched_files)
                              .add("fetched_bytes", report.fetched_bytes)
                              .add("relinked_files", report.relinked_files)
                              .text()
                              .c_str());
    else
      std::printf("%s mended, %s fetched, %s linked; %s came\n", grouped(report.mended_files).c_str(),
                  grouped(report.fetched_files).c_str(), grouped(report.relinked_files).c_str(),
                  format_size(report.fetched_bytes).c_str());
    return tools::exit_code::done;
  });
}

int verify_packages(const verify_options& options) {
  check_home(options.home);
  const larder::package_store store(options.home);
  followed_transfer transfer("reading", options.quiet || options.json);
  return interruptible(transfer, [&] {
    std::size_t looked_at = 0;
    bool whole = true;
    std::string json = "[";
    for (const larder::package_info& info : store.list()) {
      if (options.one && (info.manifest.model_id != options.model || info.manifest.package_id != options.package)) continue;
      ++looked_at;
      const larder::package_report report =
          store.verify(info.manifest.model_id, info.manifest.package_id,
                       options.quick ? larder::verify_depth::quick : larder::verify_depth::deep, transfer.control());
      whole = whole && report.is_whole();
      if (options.json) {
        json += (json.size() == 1 ? "\n" : ",\n") + disk::json_object()
                                                        .add("model", report.model_id)
                                                        .add("package", report.package_id)
                                                        .add("whole", report.is_whole())
                                                        .member("files", json_array(report.files))
                                                        .text();
        continue;
      }
      for (const larder::file_report& file : report.files)
        if (file.fault != larder::file_fault::none) {
          transfer.end();
          std::printf(
              "%s  %s/%s  %s%s\n", larder::to_string(file.fault), printable(report.model_id).c_str(),
              printable(report.package_id).c_str(), printable(file.name).c_str(),
              file.damaged_chunks.empty() ? "" : (" (" + grouped(file.damaged_chunks.size()) + " chunks of 8 MiB)").c_str());
        }
    }
    transfer.end();
    if (options.one && looked_at == 0)
      larder::core::fail(larder::error_cause::io, "there is no package " + options.package + " of " + options.model);
    if (options.json)
      std::printf("%s\n]\n", json.c_str());
    else
      std::fprintf(stderr, "%s packages, %s\n", grouped(looked_at).c_str(),
                   whole ? "all whole" : "not all whole; larder models repair fetches what is damaged");
    return whole ? tools::exit_code::done : tools::exit_code::failed;
  });
}

int collect(const collect_options& options) {
  check_home(options.home);
  disk::work_progress progress;
  larder::package_store store(options.home);
  larder::removal_report removed = store.gc(options.grace, progress.sweep("looking at blobs"));
  if (options.quota) {
    progress.begin("removing packages down to the quota");
    const larder::removal_report more = store.shrink_to(*options.quota);
    removed = {removed.packages + more.packages, removed.blobs + more.blobs, removed.bytes + more.bytes,
               removed.in_use + more.in_use};
  }
  progress.end();
  return print_removed(removed, options.json);
}

int set_pinned(const package_options& options, bool pinned) {
  check_home(options.home);
  larder::package_store store(options.home);
  if (pinned)
    store.pin(options.model, options.package);
  else
    store.unpin(options.model, options.package);
  if (options.json)
    std::printf("%s\n", disk::json_object()
                            .add("model", options.model)
                            .add("package", options.package)
                            .add("pinned", pinned)
                            .text()
                            .c_str());
  else
    std::printf("%s of %s: %s\n", printable(options.package).c_str(), printable(options.model).c_str(),
                pinned ? "pinned; no quota removes it" : "not pinned");
  return tools::exit_code::done;
}

int erase_package(const package_options& options) {
  check_home(options.home);
  larder::package_store store(options.home);
  if (!store.erase(options.model, options.package))
    larder::core::fail(larder::error_cause::io, "there is no package " + printable(options.package) + " of " +
                                                    printable(options.model) + " in \"" + options.home +
                                                    "\"; larder models ls lists those that there are");
  const larder::store_usage usage = store.usage();
  if (options.json)
    std::printf("%s\n", disk::json_object()
                            .add("model", options.model)
                            .add("package", options.package)
                            .add("erased", true)
                            .add("unreferenced_blobs", usage.unreferenced_blobs)
                            .text()
                            .c_str());
  else
    std::printf("%s of %s: erased; %s blobs are in no package, and larder models gc removes them\n",
                printable(options.package).c_str(), printable(options.model).c_str(), grouped(usage.unreferenced_blobs).c_str());
  return tools::exit_code::done;
}

int pack_packages(const pack_options& options) {
  check_home(options.home);
  larder::package_store store(options.home);
  followed_transfer transfer("packing", options.quiet || options.json);
  return interruptible(transfer, [&] {
    const larder::pack_report packed =
        options.one ? store.pack(options.model, options.package, transfer.control()) : store.pack_all(transfer.control());
    transfer.end();
    if (options.json)
      std::printf("%s\n", disk::json_object()
                              .add("files", packed.files)
                              .add("bytes", packed.bytes)
                              .add("added", packed.added)
                              .add("freed", packed.freed)
                              .add("in_use", packed.in_use)
                              .text()
                              .c_str());
    else
      std::printf("%s files, %s: %s in new pieces, %s freed%s\n", grouped(packed.files).c_str(), format_size(packed.bytes).c_str(),
                  format_size(packed.added).c_str(), format_size(packed.freed).c_str(),
                  packed.in_use == 0 ? "" : "; files of packages in use stay: pack again when nobody has them");
    return tools::exit_code::done;
  });
}

int export_packages(const archive_options& options) {
  check_home(options.home);
  larder::package_store store(options.home);
  followed_transfer transfer("writing", options.quiet || options.json);
  return interruptible(transfer, [&] {
    const std::size_t count = store.export_to(options.file, options.packages, transfer.control());
    transfer.end();
    if (options.json)
      std::printf(
          "%s\n",
          disk::json_object().add("packages", count).add("bytes", std::filesystem::file_size(options.file)).text().c_str());
    else
      std::printf("%s packages, %s\n", grouped(count).c_str(), format_size(std::filesystem::file_size(options.file)).c_str());
    return tools::exit_code::done;
  });
}

int import_packages(const archive_options& options) {
  larder::package_store store(options.home);
  followed_transfer transfer("reading", options.quiet || options.json);
  return interruptible(transfer, [&] {
    const std::size_t count = store.import_from(options.file, transfer.control());
    transfer.end();
    if (options.json)
      std::printf("%s\n", disk::json_object().add("packages", count).add("made", store.stats().made).text().c_str());
    else
      std::printf("%s packages, of which %s were not here\n", grouped(count).c_str(), grouped(store.stats().made).c_str());
    return tools::exit_code::done;
  });
}

}  // namespace models
