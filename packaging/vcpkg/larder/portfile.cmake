# An overlay port over this checkout: vcpkg install larder --overlay-ports=packaging/vcpkg. The port of a release differs in one
# step only: vcpkg_from_github(REF "v${VERSION}" SHA512 ...) gives SOURCE_PATH.
set(VCPKG_BUILD_TYPE release) # header-only
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

set(FEATURE_OPTIONS "")
foreach(feature IN ITEMS artifact config dataset disk http json layer redis serve testing toml yaml zstd)
    string(TOUPPER "${feature}" name)
    if(feature IN_LIST FEATURES)
        list(APPEND FEATURE_OPTIONS "-DLARDER_WITH_${name}=ON")
    else()
        list(APPEND FEATURE_OPTIONS "-DLARDER_WITH_${name}=OFF")
    endif()
endforeach()

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${FEATURE_OPTIONS}
        -DLARDER_BUILD_TESTS=OFF
        -DLARDER_BUILD_EXAMPLES=OFF
        -DLARDER_BUILD_BENCHMARKS=OFF
        -DLARDER_BUILD_TOOLS=OFF
        -DLARDER_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/larder)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/cmake" "${CURRENT_PACKAGES_DIR}/share/licenses")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
