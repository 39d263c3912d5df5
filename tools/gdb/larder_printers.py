"""Shows larder's types in gdb as people think of them:

    (gdb) source tools/gdb/larder_printers.py
    (gdb) print weights
    $1 = larder::cache of 3 entries = {weight = 12, capacity = 100, hits = 5, misses = 2}
    (gdb) print value
    $2 = larder::bytes of 5 = "hello"

A cache is read as it lies, without calling anything in the program, so it works on a core file too; counters that other threads are
writing may be from slightly different moments. A secret is never shown.
"""
import gdb
import gdb.printing

SHOWN = 64


def head_of(value):
    """The pointer in a unique_ptr, wherever the standard library keeps it."""
    for field in value.type.strip_typedefs().fields():
        inner = value[field]
        if field.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            return inner
        if field.is_base_class or field.name in ("_M_t", "_M_head_impl", "_M_ptr"):
            if inner.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
                found = head_of(inner)
                if found is not None:
                    return found
    return None


def plain(value):
    """What a reference refers to."""
    return value.referenced_value() if value.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF) else value


def number(counter):
    """A sync::counter or an atomic."""
    value = counter["value_"] if any(field.name == "value_" for field in counter.type.strip_typedefs().fields()) else counter
    value = plain(value)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value["_M_i"]
    return int(value)


def array_of(value):
    """The elements of a std::array."""
    elements = value["_M_elems"]
    low, high = elements.type.strip_typedefs().range()
    return [elements[i] for i in range(low, high + 1)]


def look_ups(counters):
    """What thread_counters have counted, each of its counters by itself."""
    names = [field.name for field in counters.type.strip_typedefs().fields()]
    if "counters_" in names:
        return [int(each) for each in array_of(counters["counters_"])]
    before = [number(each) for each in array_of(counters["before_"])]
    lines = head_of(counters["lines_"])
    sums = [0] * len(before)
    for line in range(65):
        for which, each in enumerate(array_of((lines + line).dereference()["counters"])):
            sums[which] += number(each)
    return [(total - less) % 2**64 for total, less in zip(sums, before)]


class Bytes:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        size = int(self.value["size_"])
        data = self.value["data_"]
        if size == 0:
            return "larder::bytes of 0"
        try:
            content = bytes(gdb.selected_inferior().read_memory(data, min(size, SHOWN)))
        except gdb.MemoryError:
            return f"larder::bytes of {size} at {data}, which cannot be read"
        if all(0x20 <= byte < 0x7f for byte in content):
            shown = '"' + content.decode("ascii").replace("\\", "\\\\").replace('"', '\\"') + '"'
        else:
            shown = content.hex()
        return f"larder::bytes of {size} = {shown}{'...' if size > SHOWN else ''}"


class Digest:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{int(self.value['high']):016x}{int(self.value['low']):016x}"


class Secret:
    def __init__(self, _):
        pass

    def to_string(self):
        return "larder::secret, not shown"


class Cache:
    def __init__(self, value):
        self.value = value

    def table(self):
        return plain(self.value["engine_"]["table_"])

    def to_string(self):
        try:
            used = [number(each) for each in array_of(self.table()["budget_"]["used_"])]
        except gdb.error:
            return "larder::cache without an index"
        return f"larder::cache of {used[0]} {'entry' if used[0] == 1 else 'entries'}"

    def children(self):
        try:
            table = self.table()
        except gdb.error:
            return
        used = [number(each) for each in array_of(table["budget_"]["used_"])]
        capacity = [number(each) for each in array_of(table["budget_"]["capacity_"])]
        for i, name in enumerate(("entries", "weight")[: len(used)]):
            if name == "weight":
                yield "weight", used[i]
            if capacity[i] != 2**64 - 1:
                yield "capacity" if len(used) == 1 or name == "weight" else "capacity_in_entries", capacity[i]
        counted = look_ups(table["look_ups_"])
        yield "hits", counted[0]
        yield "misses", counted[1]


def printers():
    found = gdb.printing.RegexpCollectionPrettyPrinter("larder")
    found.add_printer("bytes", "^larder::bytes$", Bytes)
    found.add_printer("digest", "^larder::digest$", Digest)
    found.add_printer("secret", "^larder::secret$", Secret)
    found.add_printer("cache", "^larder::cache<.*>$", Cache)
    return found


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
