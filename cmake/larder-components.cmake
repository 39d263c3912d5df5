# The components of larder: what each needs from larder and from other packages. Read by the build and by the installed package,
# so that both look for the same things in the same way. Works from CMake 3.16 on.

set(larder_components core disk json http redis zstd layer dataset artifact presets serve testing)   # each after those that it needs

set(larder_core_needs "")
set(larder_disk_needs core)
set(larder_json_needs core)
set(larder_http_needs json)
set(larder_redis_needs core)
set(larder_zstd_needs core)
set(larder_layer_needs json disk)
set(larder_dataset_needs json disk)
set(larder_artifact_needs disk http)
set(larder_presets_needs disk http)
set(larder_serve_needs disk)
set(larder_testing_needs core)

set(larder_core_links xxHash::xxhash Threads::Threads)
set(larder_disk_links "")
set(larder_json_links simdjson::simdjson)
set(larder_http_links CURL::libcurl EXPAT::EXPAT OpenSSL::Crypto)
set(larder_redis_links hiredis::hiredis)
set(larder_zstd_links zstd::libzstd)
set(larder_layer_links "")
set(larder_dataset_links "")
set(larder_artifact_links "")
set(larder_presets_links "")
set(larder_serve_links "")
set(larder_testing_links Boost::headers)

# Which headers belong to a component (regular expressions over paths under include/larder); the rest is the core's.
# tools/lint_layers.py checks that no header includes what its component does not have.
set(larder_disk_headers "^(sync/(fork_mark|futex|process_mutex)|storage/(mmap_disk|directory|disk_options|entry_directory|entry_file|entry_reader|file_adoption|file_mapping|file_system_probe|key_leases|lease_table|newest_records|pinned_views|posix_|recent_changes|record_(batch|handle)|segment|shared_log|value_|writable_mapping))")
set(larder_json_headers "^format/")
set(larder_http_headers "^(remote/|storage/http_(blob|chunks))")
set(larder_redis_headers "^(remote|storage)/redis")
set(larder_zstd_headers "^codec/zstd[.]hpp")
set(larder_layer_headers "^layer/")
set(larder_dataset_headers "^dataset/")
set(larder_artifact_headers "^artifact/")
set(larder_presets_headers "^presets[.]hpp")
set(larder_serve_headers "^serve/")
set(larder_testing_headers "^testing/")
set(larder_core_headers "^(storage/value_range|format/(chunk_checksums|compressed_head|entry_frame|segment_)|remote/(base64|blob_name|circuit|http|random_mark|range|secret|timing|transfer_watch|url)[.])")   # light ones in a heavier component's folder

# zstd::libzstd, the name that zstd gives from 1.5.6 on. Before that its package has others, and some systems have the library alone.
macro(larder_find_zstd)
  find_package(zstd CONFIG QUIET)
  if(NOT TARGET zstd::libzstd)
    set(larder_zstd_library "")
    foreach(larder_target IN ITEMS zstd::libzstd_shared zstd::libzstd_static)
      if(TARGET ${larder_target} AND NOT larder_zstd_library)
        set(larder_zstd_library ${larder_target})
      endif()
    endforeach()
    if(larder_zstd_library)
      add_library(zstd::libzstd INTERFACE IMPORTED)
      set_target_properties(zstd::libzstd PROPERTIES INTERFACE_LINK_LIBRARIES ${larder_zstd_library})
    else()
      find_path(larder_libzstd_include zstd.h)
      find_library(larder_libzstd zstd)
      mark_as_advanced(larder_libzstd_include larder_libzstd)
      if(larder_libzstd_include AND larder_libzstd)
        add_library(zstd::libzstd UNKNOWN IMPORTED)
        set_target_properties(zstd::libzstd PROPERTIES IMPORTED_LOCATION "${larder_libzstd}"
                              INTERFACE_INCLUDE_DIRECTORIES "${larder_libzstd_include}")
      endif()
    endif()
  endif()
endmacro()

# hiredis::hiredis, the name that hiredis gives from 1.0 on; Debian 12 has 0.14, a library and its headers.
macro(larder_find_hiredis)
  find_package(hiredis CONFIG QUIET)
  if(NOT TARGET hiredis::hiredis)
    find_path(larder_libhiredis_include hiredis/read.h)
    find_library(larder_libhiredis hiredis)
    mark_as_advanced(larder_libhiredis_include larder_libhiredis)
    if(larder_libhiredis_include AND larder_libhiredis)
      add_library(hiredis::hiredis UNKNOWN IMPORTED)
      set_target_properties(hiredis::hiredis PROPERTIES IMPORTED_LOCATION "${larder_libhiredis}"
                            INTERFACE_INCLUDE_DIRECTORIES "${larder_libhiredis_include}")
    endif()
  endif()
endmacro()

# Finds what `link` comes from; leaves a sentence in `missing` when it is not there.
macro(larder_find_link link missing)
  if(NOT TARGET ${link})
    if("${link}" STREQUAL "xxHash::xxhash")
      find_package(xxHash QUIET)                            # FindxxHash.cmake beside this file
    elseif("${link}" STREQUAL "Threads::Threads")
      find_package(Threads QUIET)
    elseif("${link}" STREQUAL "Boost::headers")
      find_package(Boost 1.81 CONFIG QUIET)
      if(NOT TARGET Boost::headers)
        find_package(Boost 1.81 MODULE QUIET)
      endif()
    elseif("${link}" STREQUAL "simdjson::simdjson")
      find_package(simdjson CONFIG QUIET)                   # its version file accepts one major only; 3 and 4 are both fine
      if(TARGET simdjson::simdjson AND DEFINED simdjson_VERSION
         AND (simdjson_VERSION VERSION_LESS 3 OR NOT simdjson_VERSION VERSION_LESS 5))
        string(APPEND ${missing} "simdjson 3 or 4 (found ${simdjson_VERSION}) ")
      endif()
    elseif("${link}" STREQUAL "CURL::libcurl")
      find_package(CURL QUIET)
    elseif("${link}" STREQUAL "EXPAT::EXPAT")
      find_package(EXPAT QUIET)                             # listings are XML
    elseif("${link}" STREQUAL "OpenSSL::Crypto")
      find_package(OpenSSL QUIET)                           # requests are signed
    elseif("${link}" STREQUAL "zstd::libzstd")
      larder_find_zstd()
    elseif("${link}" STREQUAL "hiredis::hiredis")
      larder_find_hiredis()
    endif()
    if(NOT TARGET ${link})
      string(APPEND ${missing} "${link} ")
    endif()
  endif()
endmacro()

# What `component` needs outside larder and is not there: a text for people in `missing`, empty when all is there.
macro(larder_find_links component missing)
  set(${missing} "")
  set(larder_saved_module_path "${CMAKE_MODULE_PATH}")
  list(APPEND CMAKE_MODULE_PATH "${larder_module_dir}")     # only while looking: nothing of ours stays on the user's path
  foreach(larder_link IN LISTS larder_${component}_links)
    larder_find_link(${larder_link} ${missing})
  endforeach()
  set(CMAKE_MODULE_PATH "${larder_saved_module_path}")
  string(STRIP "${${missing}}" ${missing})
endmacro()
set(larder_module_dir "${CMAKE_CURRENT_LIST_DIR}")
