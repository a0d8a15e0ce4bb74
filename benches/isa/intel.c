// What ANV, Mesa's driver for Intel's GPUs, asks of the kernel, answered as if there were a GPU: enough to
// start and to compile. Nothing runs. The environment's INTEL_DEVICE is the GPU's number, in hexadecimal.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <i915_drm.h>
#include <xf86drm.h>

static const char PATH[] = "/dev/dri/renderD191";
static const unsigned long MEMORY = 16ul << 30;

// The GPU's memory, whose buffers lie one after another and are mapped by where they lie.
static int memory = -1;
static unsigned long used = 1 << 16;
static unsigned int buffers = 0;
static unsigned long starts[1 << 14];

static unsigned int number(void) {
    const char *text = getenv("INTEL_DEVICE");
    return text ? (unsigned int)strtoul(text, NULL, 16) : 0x56a0;
}

static int opened(void) {
    if (memory < 0) {
        memory = memfd_create("wgloss", MFD_CLOEXEC);
        if (memory < 0 || ftruncate(memory, 4 * (long)MEMORY)) return -1;
    }
    return fcntl(memory, F_DUPFD_CLOEXEC, 3);
}

static int is_ours(int file) {
    struct stat ours, theirs;
    return memory >= 0 && !fstat(memory, &ours) && !fstat(file, &theirs) && ours.st_dev == theirs.st_dev
        && ours.st_ino == theirs.st_ino;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return strcmp(path, PATH) ? openat(AT_FDCWD, path, flags, mode) : opened();
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return strcmp(path, PATH) ? openat(AT_FDCWD, path, flags, mode) : opened();
}

static unsigned int new_buffer(unsigned long size) {
    unsigned int buffer = ++buffers % (1 << 14);
    starts[buffer] = used;
    used += (size + 0xffff) & ~0xfffful;
    return buffer;
}

static void get_parameter(const struct drm_i915_getparam *asked) {
    switch (asked->param) {
    case I915_PARAM_CHIPSET_ID: *asked->value = (int)number(); break;
    case I915_PARAM_REVISION: *asked->value = 8; break;
    case I915_PARAM_HAS_ALIASING_PPGTT: *asked->value = 3; break;
    case I915_PARAM_CS_TIMESTAMP_FREQUENCY: *asked->value = 19200000; break;
    case I915_PARAM_MMAP_GTT_VERSION: *asked->value = 4; break;
    case I915_PARAM_HAS_USERPTR_PROBE: *asked->value = 0; break;
    default: *asked->value = 1;
    }
}

// Eight parts of sixteen units.
static int topology(struct drm_i915_query_topology_info *told) {
    enum { PARTS = 8, UNITS = 16, BYTES = UNITS / 8 };
    if (told) {
        memset(told, 0, sizeof *told);
        told->max_slices = 1;
        told->max_subslices = PARTS;
        told->max_eus_per_subslice = UNITS;
        told->subslice_offset = 1;
        told->subslice_stride = 1;
        told->eu_offset = 2;
        told->eu_stride = BYTES;
        told->data[0] = 1;
        memset(told->data + 1, 0xff, 1 + PARTS * BYTES);
    }
    return sizeof *told + 2 + PARTS * BYTES;
}

// Memory of the host's, and of its own.
static int regions(struct drm_i915_query_memory_regions *told) {
    int size = sizeof *told + 2 * sizeof told->regions[0];
    if (told) {
        memset(told, 0, size);
        told->num_regions = 2;
        told->regions[1].region.memory_class = I915_MEMORY_CLASS_DEVICE;
        for (int i = 0; i < 2; i++) {
            told->regions[i].probed_size = told->regions[i].unallocated_size = MEMORY;
        }
    }
    return size;
}

static void query(const struct drm_i915_query *asked) {
    struct drm_i915_query_item *items = (void *)asked->items_ptr;
    for (unsigned int i = 0; i < asked->num_items; i++) {
        void *place = items[i].length ? (void *)items[i].data_ptr : NULL;
        switch (items[i].query_id) {
        case DRM_I915_QUERY_TOPOLOGY_INFO:
        case DRM_I915_QUERY_GEOMETRY_SUBSLICES: items[i].length = topology(place); break;
        case DRM_I915_QUERY_MEMORY_REGIONS: items[i].length = regions(place); break;
        default: items[i].length = -EINVAL;
        }
    }
}

static int answer(unsigned long request, void *data) {
    switch (request) {
    case DRM_IOCTL_I915_GETPARAM: get_parameter(data); return 0;
    case DRM_IOCTL_I915_QUERY: query(data); return 0;
    case DRM_IOCTL_I915_GEM_CREATE: {
        struct drm_i915_gem_create *made = data;
        made->handle = new_buffer(made->size);
        return 0;
    }
    case DRM_IOCTL_I915_GEM_CREATE_EXT: {
        struct drm_i915_gem_create_ext *made = data;
        made->handle = new_buffer(made->size);
        return 0;
    }
    case DRM_IOCTL_I915_GEM_USERPTR: {
        struct drm_i915_gem_userptr *made = data;
        made->handle = new_buffer(made->user_size);
        return 0;
    }
    case DRM_IOCTL_I915_GEM_MMAP_OFFSET: {
        struct drm_i915_gem_mmap_offset *asked = data;
        asked->offset = starts[asked->handle % (1 << 14)];
        return 0;
    }
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE:
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT: ((struct drm_i915_gem_context_create *)data)->ctx_id = 1; return 0;
    case DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM: {
        struct drm_i915_gem_context_param *asked = data;
        asked->value = asked->param == I915_CONTEXT_PARAM_GTT_SIZE ? 1ul << 48 : 0;
        return 0;
    }
    case DRM_IOCTL_I915_GEM_GET_APERTURE: {
        struct drm_i915_gem_get_aperture *told = data;
        told->aper_size = told->aper_available_size = 1ul << 48;
        return 0;
    }
    case DRM_IOCTL_I915_GEM_VM_CREATE: errno = ENODEV; return -1;
    default: return 0;
    }
}

int ioctl(int file, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *data = va_arg(more, void *);
    va_end(more);
    static int (*next)(int, unsigned long, ...);
    if (_IOC_TYPE(request) == DRM_IOCTL_BASE && is_ours(file)) return answer(request, data);
    if (!next) next = dlsym(RTLD_NEXT, "ioctl");
    return next(file, request, data);
}

// libdrm's functions, as far as they look at the system's devices.

int drmIoctl(int file, unsigned long request, void *data) { return ioctl(file, request, data); }

static drmDevicePtr device(void) {
    char *block = calloc(1, sizeof(drmDevice) + DRM_NODE_MAX * sizeof(char *) + sizeof(drmPciBusInfo)
        + sizeof(drmPciDeviceInfo));
    drmDevicePtr made = (drmDevicePtr)block;
    made->nodes = (char **)(block + sizeof *made);
    made->nodes[DRM_NODE_PRIMARY] = (char *)"/dev/dri/card191";
    made->nodes[DRM_NODE_RENDER] = (char *)PATH;
    made->available_nodes = 1 << DRM_NODE_RENDER;
    made->bustype = DRM_BUS_PCI;
    made->businfo.pci = (drmPciBusInfoPtr)(made->nodes + DRM_NODE_MAX);
    made->businfo.pci->bus = 3;
    made->deviceinfo.pci = (drmPciDeviceInfoPtr)(made->businfo.pci + 1);
    made->deviceinfo.pci->vendor_id = 0x8086;
    made->deviceinfo.pci->device_id = (unsigned short)number();
    return made;
}

int drmGetDevices2(unsigned int flags, drmDevicePtr devices[], int most) {
    if (devices && most > 0) devices[0] = device();
    return 1;
}

int drmGetDevice2(int file, unsigned int flags, drmDevicePtr *told) {
    *told = device();
    return 0;
}

void drmFreeDevices(drmDevicePtr devices[], int count) {
    for (int i = 0; i < count; i++) free(devices[i]);
}

void drmFreeDevice(drmDevicePtr *one) {
    free(*one);
    *one = NULL;
}

drmVersionPtr drmGetVersion(int file) {
    drmVersionPtr told = calloc(1, sizeof *told);
    told->version_major = 1;
    told->version_minor = 6;
    told->name = strdup("i915");
    told->name_len = 4;
    return told;
}

void drmFreeVersion(drmVersionPtr told) {
    free(told->name);
    free(told);
}

int drmGetCap(int file, uint64_t which, uint64_t *told) {
    *told = 1;
    return 0;
}

int drmSyncobjCreate(int file, uint32_t flags, uint32_t *made) {
    *made = 1;
    return 0;
}

int drmSyncobjDestroy(int file, uint32_t one) { return 0; }
int drmSyncobjReset(int file, const uint32_t *all, uint32_t count) { return 0; }
int drmSyncobjSignal(int file, const uint32_t *all, uint32_t count) { return 0; }
int drmSyncobjWait(int file, uint32_t *all, unsigned count, int64_t until, unsigned flags, uint32_t *first) {
    return 0;
}
int drmSyncobjTimelineSignal(int file, const uint32_t *all, uint64_t *points, uint32_t count) { return 0; }
int drmSyncobjTimelineWait(int file, uint32_t *all, uint64_t *points, unsigned count, int64_t until, unsigned flags,
    uint32_t *first) {
    return 0;
}
