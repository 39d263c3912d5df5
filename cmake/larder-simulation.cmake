# larder_simulation: the library behind `larder simulate` (tools/simulate), for the command, its tests and the benchmark of hit
# ratios. Without what it needs there is no target, and `larder_simulation_missing` says what that is.
set(larder_simulation_missing "")
find_package(ZLIB QUIET)
if(NOT TARGET ZLIB::ZLIB)
  list(APPEND larder_simulation_missing zlib)
endif()

larder_find_zstd()                                          # larder-components.cmake
if(NOT TARGET zstd::libzstd)
  list(APPEND larder_simulation_missing zstd)
endif()

if(NOT larder_simulation_missing)
  file(GLOB larder_simulation_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/simulate/*.cpp")
  add_library(larder_simulation STATIC EXCLUDE_FROM_ALL ${larder_simulation_files})
  target_include_directories(larder_simulation PUBLIC "${PROJECT_SOURCE_DIR}/tools")
  # g++ 12 sees an overlap in "text" + std::string where there is none (its bug 105329).
  target_compile_options(larder_simulation PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  set(larder_simulation_packers ZLIB::ZLIB zstd::libzstd)
  target_link_libraries(larder_simulation PUBLIC larder::larder PRIVATE ${larder_simulation_packers})
endif()
