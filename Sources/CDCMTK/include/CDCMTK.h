#pragma once
// A C face over DCMTK's dcmdata and its codecs. No C++ exception leaves it, nothing is printed, and
// every size that comes from a file is checked before it is used. Owned by the Swift target `Dicom`.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CDCM_OK = 0,
    CDCM_CANNOT_OPEN = 1,   // the file cannot be opened or read; errno of the cause in the message
    CDCM_NOT_DICOM = 2,     // no preamble and meta information
    CDCM_TRUNCATED = 3,     // the data set or the pixel data ends early
    CDCM_CORRUPT = 4,       // parsed, but not valid
    CDCM_UNSUPPORTED = 5,   // transfer syntax or codec that this build cannot decode
    CDCM_OUT_OF_MEMORY = 6,
    CDCM_CANNOT_WRITE = 7,
    CDCM_EXCEPTION = 8,     // an exception of the library, caught at this border
    CDCM_TOO_SHORT = 9,     // fewer bytes than preamble and prefix
    CDCM_NO_PREAMBLE = 10,  // begins like a data set, not like a Part 10 file
} cdcm_status;

/// How the bytes handed to `element` are to be understood; numbers are in native byte order.
typedef enum {
    CDCM_TEXT = 0,    // UTF-8, values separated by a backslash where the VR allows several
    CDCM_BYTES = 1,   // OB, UN
    CDCM_UINT16 = 2,  // US, OW, AT (pairs)
    CDCM_INT16 = 3,
    CDCM_UINT32 = 4,  // UL, OL
    CDCM_INT32 = 5,
    CDCM_FLOAT32 = 6, // FL, OF
    CDCM_FLOAT64 = 7, // FD, OD
    CDCM_UINT64 = 8,  // UV, OV
    CDCM_INT64 = 9,
} cdcm_kind;

typedef struct cdcm_file cdcm_file;
typedef struct cdcm_item cdcm_item;

/// One line about the last failure on this thread, never with values from the data set.
const char *cdcm_last_error(void);

/// Registers decoders and silences the log; called before anything else, from any
/// thread, any number of times. 0 when DCMTK's data dictionary is missing, without which implicit VR files
/// cannot be read.
int cdcm_initialize(void);

// Reading ------------------------------------------------------------------------------------

/// Parses the file to its end. Values longer than `load_limit` bytes stay on disk until visited.
/// Text is converted to UTF-8. With CDCM_UNSUPPORTED the handle is valid for cdcm_transfer_syntax and must be
/// closed; with every other failure `out` is null.
cdcm_status cdcm_open(const char *path, uint32_t load_limit, cdcm_file **out);
void cdcm_close(cdcm_file *file);
/// Transfer Syntax UID of the meta information, owned by the file.
const char *cdcm_transfer_syntax(const cdcm_file *file);
/// Bytes of the file when it was opened.
uint64_t cdcm_file_size(const cdcm_file *file);
/// 1 when the character set could not be converted and the text is as found in the file.
int cdcm_text_unconverted(const cdcm_file *file);

typedef struct {
    void *context;
    void (*element)(void *context, uint16_t group, uint16_t number, const char *vr, cdcm_kind kind,
                    const void *bytes, size_t length);
    void (*begin_sequence)(void *context, uint16_t group, uint16_t number);
    void (*end_sequence)(void *context);
    void (*begin_item)(void *context);
    void (*end_item)(void *context);
} cdcm_visitor;

/// Walks the data set (or the meta information) in tag order, depth first. Top level elements from
/// (`stop_group`, `stop_number`) on are left out; (FFFF,FFFF) leaves nothing out but pixel data that
/// is encapsulated.
cdcm_status cdcm_visit(cdcm_file *file, int meta_information, uint16_t stop_group, uint16_t stop_number,
                       const cdcm_visitor *visitor);

// Pixels -------------------------------------------------------------------------------------

typedef struct {
    int present;         // 1 when the data set has Pixel Data
    int encapsulated;    // 1 when it is compressed
    uint32_t fragments;  // of encapsulated pixel data
    uint64_t length;     // bytes in the file, without item headers
} cdcm_pixels;

/// What the file holds as Pixel Data; reads no pixels.
cdcm_status cdcm_pixel_summary(cdcm_file *file, cdcm_pixels *out);

/// Bytes of one frame of decoded or native pixel data as the header describes it; 0 when it does not.
size_t cdcm_frame_size(cdcm_file *file);
/// Decodes one frame (0-based) into `buffer` of exactly `size` bytes, native byte order.
cdcm_status cdcm_decode_frame(cdcm_file *file, uint32_t frame, void *buffer, size_t size);
/// The compressed bytes of one frame, its fragments joined. The buffer is freed with cdcm_free.
cdcm_status cdcm_compressed_frame(cdcm_file *file, uint32_t frame, uint32_t frame_count, size_t limit,
                                  uint8_t **bytes, size_t *length);
void cdcm_free(void *bytes);
/// Copies `length` bytes of native pixel data from `offset` on, words in native byte order; the rest stays on disk.
cdcm_status cdcm_read_pixels(cdcm_file *file, size_t offset, void *bytes, size_t length);
/// Forgets a top level element that was visited and is large.
void cdcm_forget(cdcm_file *file, uint16_t group, uint16_t number);

// Writing ------------------------------------------------------------------------------------

cdcm_status cdcm_create(cdcm_file **out);
/// The root item of a file made by cdcm_create.
cdcm_item *cdcm_root(cdcm_file *file);
/// Puts one element; text and bytes as in cdcm_visitor.
cdcm_status cdcm_put(cdcm_item *item, uint16_t group, uint16_t number, const char *vr, cdcm_kind kind,
                     const void *bytes, size_t length);
cdcm_status cdcm_put_sequence(cdcm_item *item, uint16_t group, uint16_t number);
/// Appends an item to a sequence made by cdcm_put_sequence.
cdcm_status cdcm_append_item(cdcm_item *item, uint16_t group, uint16_t number, cdcm_item **out);
/// Writes preamble, meta information and data set with explicit lengths.
cdcm_status cdcm_save(cdcm_file *file, const char *path, const char *transfer_syntax,
                      const char *implementation_class_uid, const char *implementation_version);

/// The elements of a file made by cdcm_create as they stand in a data set of a transfer syntax, lengths explicit. The
/// bytes belong to the file until the next call; the data set is empty then, for other elements.
cdcm_status cdcm_encode(cdcm_file *file, const char *transfer_syntax, const void **bytes, size_t *length);

#ifdef __cplusplus
}
#endif
