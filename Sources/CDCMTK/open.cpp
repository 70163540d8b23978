// Opening: everything up to a parsed data set.
#include "internal.h"

#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmdata/dcvr.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpls/djdecode.h"
#include "dcmtk/oflog/oflog.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace {
thread_local std::string lastError;
std::once_flag initialized;

void initializeOnce() {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs(EDC_never);
    DJLSDecoderRegistration::registerCodecs();
    // Frames are asked for one by one; DCMTK must not "correct" values while it reads them.
    dcmEnableAutomaticInputDataCorrection.set(OFTrue);
    // Archives that know no dictionary write everything as UN; the dictionary tells what it is.
    dcmEnableUnknownVRConversion.set(OFTrue);
}

/// Group 0002 or 0008, and a VR of two capitals or the short length of an implicit one (PS3.5 7.1): data sets were written so
/// before Part 10, and by programs that store what comes over the network as it is.
bool beginsLikeDataSet(const unsigned char *head) {
    if ((head[0] != 2 && head[0] != 8) || head[1] != 0 || head[3] != 0 || head[2] > 0x18) return false;
    const bool isExplicit = head[4] >= 'A' && head[4] <= 'Z' && head[5] >= 'A' && head[5] <= 'Z';
    const bool isImplicit = head[4] <= 64 && head[5] == 0 && head[6] == 0 && head[7] == 0;
    return isExplicit || isImplicit;
}

/// A FIFO would block and a folder would confuse the parser: only regular files are opened.
cdcm_status checkPreamble(cdcm_file &file) {
    int descriptor;
    do {
        descriptor = ::open(file.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) {
        cdcm::remember(std::strerror(errno));
        return CDCM_CANNOT_OPEN;
    }
    struct stat status {};
    unsigned char head[144];
    ssize_t count = -1;
    if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        do {
            count = ::read(descriptor, head, sizeof head);
        } while (count < 0 && errno == EINTR);
    } else {
        errno = EINVAL;
    }
    const int cause = errno;
    file.size = static_cast<uint64_t>(status.st_size);
    ::close(descriptor);
    if (count < 0) {
        cdcm::remember(cause == EINVAL ? "not a regular file" : std::strerror(cause));
        return CDCM_CANNOT_OPEN;
    }
    if (count < 132) {
        cdcm::remember("too short for a DICOM preamble");
        return CDCM_TOO_SHORT;
    }
    if (std::memcmp(head + 128, "DICM", 4) != 0) {
        cdcm::remember("no DICOM preamble");
        return beginsLikeDataSet(head) ? CDCM_NO_PREAMBLE : CDCM_NOT_DICOM;
    }
    // (0002,0000) UL, 4 bytes: explicit VR little endian, always.
    static const unsigned char groupLength[] = {2, 0, 0, 0, 'U', 'L', 4, 0};
    if (count == ssize_t(sizeof head) && std::memcmp(head + 132, groupLength, sizeof groupLength) == 0) {
        file.metaEnd = sizeof head + (uint64_t(head[140]) | uint64_t(head[141]) << 8 | uint64_t(head[142]) << 16 |
                                      uint64_t(head[143]) << 24);
    }
    return CDCM_OK;
}

/// The meta information alone, so that an unknown transfer syntax is named instead of misread.
cdcm_status readTransferSyntax(cdcm_file &file) {
    DcmMetaInfo meta;
    const OFCondition condition = meta.loadFile(OFFilename(file.path.c_str()));
    if (condition.bad()) {
        cdcm::remember("the file meta information cannot be read");
        if (::access(file.path.c_str(), R_OK) != 0) return CDCM_CANNOT_OPEN;
        // The prefix says DICOM: what follows was cut off, and may still come, or is damaged.
        const bool isCut = file.size < 144 || file.size < file.metaEnd;
        return isCut || cdcm::statusOf(condition) == CDCM_TRUNCATED ? CDCM_TRUNCATED : CDCM_CORRUPT;
    }
    OFString uid;
    if (meta.findAndGetOFString(DCM_TransferSyntaxUID, uid).good()) file.transferSyntax = uid.c_str();
    if (file.transferSyntax.empty()) return CDCM_OK;
    if (DcmXfer(file.transferSyntax.c_str()).getXfer() == EXS_Unknown) {
        cdcm::remember("unknown transfer syntax");
        return CDCM_UNSUPPORTED;
    }
    return CDCM_OK;
}

cdcm_status load(cdcm_file &file, uint32_t limit) {
    cdcm_status status = checkPreamble(file);
    if (status == CDCM_OK) status = readTransferSyntax(file);
    if (status != CDCM_OK) return status;
    if (const char *problem = cdcm::structuralProblem(file)) {
        cdcm::remember(problem);
        return CDCM_CORRUPT;
    }
    const OFCondition condition =
        file.format.loadFile(OFFilename(file.path.c_str()), EXS_Unknown, EGL_noChange, limit, ERM_fileOnly);
    if (condition.bad()) return cdcm::statusOf(condition);
    if (file.transferSyntax.empty()) {
        file.transferSyntax = DcmXfer(file.format.getDataset()->getOriginalXfer()).getXferID();
    }
    // The data set of a file must hold something; DCMTK accepts a file that ends after its meta information.
    if (file.format.getDataset()->card() == 0) {
        cdcm::remember("the data set is empty");
        return CDCM_TRUNCATED;
    }
    file.textUnconverted = file.format.getDataset()->convertToUTF8().bad();
    return CDCM_OK;
}
}  // namespace

namespace cdcm {

void remember(const char *text) {
    try {
        lastError = text ? text : "";
    } catch (...) {
        lastError.clear();  // no memory for the text; the status still tells
    }
}

cdcm_status statusOf(const OFCondition &condition) {
    if (condition.good()) return CDCM_OK;
    remember(condition.text());
    if (condition == EC_MemoryExhausted) return CDCM_OUT_OF_MEMORY;
    if (condition == EC_FileMetaInfoHeaderMissing) return CDCM_NOT_DICOM;
    if (condition == EC_UnknownTransferSyntax || condition == EC_UnsupportedEncoding ||
        condition == EC_CannotChangeRepresentation) {
        return CDCM_UNSUPPORTED;
    }
    if (condition == EC_StreamNotifyClient || condition == EC_EndOfStream || condition == EC_InvalidStream ||
        condition == EC_SequDelimitationItemMissing || condition == EC_ItemDelimitationItemMissing ||
        condition == EC_ElemLengthLargerThanItem || condition == EC_InvalidOffset) {
        return CDCM_TRUNCATED;
    }
    return CDCM_CORRUPT;
}

DcmPixelData *pixelData(cdcm_file &file) {
    DcmElement *element = nullptr;
    if (file.format.getDataset()->findAndGetElement(DCM_PixelData, element).bad()) return nullptr;
    return dynamic_cast<DcmPixelData *>(element);
}

}  // namespace cdcm

extern "C" {

const char *cdcm_last_error(void) { return lastError.c_str(); }

int cdcm_initialize(void) {
    const cdcm_status status = cdcm::guarded([] {
        std::call_once(initialized, initializeOnce);
        return CDCM_OK;
    });
    return status == CDCM_OK && dcmDataDict.isDictionaryLoaded() ? 1 : 0;
}

cdcm_status cdcm_open(const char *path, uint32_t load_limit, cdcm_file **out) {
    *out = nullptr;
    return cdcm::guarded([&] {
        auto file = std::make_unique<cdcm_file>();
        file->path = path;
        const cdcm_status status = load(*file, load_limit);
        // The handle is handed out even when the syntax is unknown, so that the caller can name it.
        if (status == CDCM_OK || status == CDCM_UNSUPPORTED) *out = file.release();
        return status;
    });
}

void cdcm_close(cdcm_file *file) {
    cdcm::guarded([&] {
        delete file;
        return CDCM_OK;
    });
}

const char *cdcm_transfer_syntax(const cdcm_file *file) { return file->transferSyntax.c_str(); }

uint64_t cdcm_file_size(const cdcm_file *file) { return file->size; }

int cdcm_text_unconverted(const cdcm_file *file) { return file->textUnconverted ? 1 : 0; }

}  // extern "C"
