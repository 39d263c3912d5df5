# CPack runs it before it packs: Debian looks for a package's licence in a place of its own.
set(shared "${CPACK_TEMPORARY_INSTALL_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX}/share")
file(MAKE_DIRECTORY "${shared}/doc/${CPACK_PACKAGE_NAME}")
file(RENAME "${shared}/licenses/larder/LICENSE" "${shared}/doc/${CPACK_PACKAGE_NAME}/copyright")
file(REMOVE_RECURSE "${shared}/licenses")
