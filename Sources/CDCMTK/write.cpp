// Building a data set and writing it as a DICOM file.
#include "internal.h"

#include "dcmtk/dcmdata/dcostrmb.h"

#include <cstring>

namespace {

OFCondition putValue(DcmElement &element, cdcm_kind kind, const void *bytes, size_t length, bool isTagVR) {
    const auto count = [&](size_t width) { return static_cast<unsigned long>(length / width); };
    if (length == 0) return EC_Normal;
    switch (kind) {
    case CDCM_TEXT: return element.putString(static_cast<const char *>(bytes), Uint32(length));
    case CDCM_BYTES: return element.putUint8Array(static_cast<const Uint8 *>(bytes), count(1));
    case CDCM_UINT16:
        return element.putUint16Array(static_cast<const Uint16 *>(bytes), isTagVR ? count(4) : count(2));
    case CDCM_INT16: return element.putSint16Array(static_cast<const Sint16 *>(bytes), count(2));
    case CDCM_UINT32: return element.putUint32Array(static_cast<const Uint32 *>(bytes), count(4));
    case CDCM_INT32: return element.putSint32Array(static_cast<const Sint32 *>(bytes), count(4));
    case CDCM_FLOAT32: return element.putFloat32Array(static_cast<const Float32 *>(bytes), count(4));
    case CDCM_FLOAT64: return element.putFloat64Array(static_cast<const Float64 *>(bytes), count(8));
    case CDCM_UINT64:
    case CDCM_INT64: break;  // DCMTK 3.6.7 has no common call for these; none of our objects needs them
    }
    return EC_IllegalParameter;
}

cdcm_status put(DcmItem &item, const DcmTag &tag, cdcm_kind kind, const void *bytes, size_t length) {
    DcmElement *made = nullptr;
    OFCondition condition = DcmItem::newDicomElementWithVR(made, tag);
    std::unique_ptr<DcmElement> element(made);
    if (condition.good() && element) {
        condition = putValue(*element, kind, bytes, length, tag.getEVR() == EVR_AT);
        if (condition.good()) condition = item.insert(element.get(), OFTrue);
        if (condition.good()) element.release();
    }
    return condition.good() ? CDCM_OK : (cdcm::statusOf(condition), CDCM_CANNOT_WRITE);
}

OFCondition fillMetaInformation(DcmFileFormat &format, E_TransferSyntax syntax, const char *classUID,
                                const char *version) {
    OFCondition condition = format.validateMetaInfo(syntax, EWM_createNewMeta);
    DcmMetaInfo *meta = format.getMetaInfo();
    if (condition.good()) condition = meta->putAndInsertString(DCM_ImplementationClassUID, classUID);
    if (condition.good()) condition = meta->putAndInsertString(DCM_ImplementationVersionName, version);
    if (condition.good()) {
        condition = meta->computeGroupLengthAndPadding(EGL_recalcGL, EPD_noChange, META_HEADER_DEFAULT_TRANSFERSYNTAX,
                                                       EET_ExplicitLength);
    }
    return condition;
}

/// A transfer syntax that elements can be written in; EXS_Unknown with a reason where it is none.
E_TransferSyntax writable(const char *uid) {
    const DcmXfer syntax(uid);
    if (syntax.getXfer() != EXS_Unknown && !syntax.isEncapsulated()) return syntax.getXfer();
    cdcm::remember("this transfer syntax cannot be written");
    return EXS_Unknown;
}

OFCondition encode(DcmDataset &dataSet, E_TransferSyntax syntax, std::vector<uint8_t> &bytes) {
    const Uint32 length = dataSet.calcElementLength(syntax, EET_ExplicitLength);
    bytes.resize(length);
    if (length == 0) return EC_Normal;
    DcmOutputBufferStream stream(bytes.data(), offile_off_t(length));
    dataSet.transferInit();
    const OFCondition condition = dataSet.write(stream, syntax, EET_ExplicitLength, nullptr, EGL_withoutGL,
                                                EPD_withoutPadding, 0, 0, 0);
    dataSet.transferEnd();
    if (condition.good() && stream.filled() != offile_off_t(length)) return EC_InvalidStream;
    return condition;
}

}  // namespace

struct cdcm_item;

extern "C" {

cdcm_status cdcm_create(cdcm_file **out) {
    *out = nullptr;
    return cdcm::guarded([&] {
        *out = new cdcm_file();
        return CDCM_OK;
    });
}

cdcm_item *cdcm_root(cdcm_file *file) {
    return reinterpret_cast<cdcm_item *>(static_cast<DcmItem *>(file->format.getDataset()));
}

cdcm_status cdcm_put(cdcm_item *item, uint16_t group, uint16_t number, const char *vr, cdcm_kind kind,
                     const void *bytes, size_t length) {
    return cdcm::guarded([&]() -> cdcm_status {
        if (length > 0xFFFFFFFEu) {
            cdcm::remember("a value is longer than DICOM allows");
            return CDCM_CANNOT_WRITE;
        }
        return put(*reinterpret_cast<DcmItem *>(item), DcmTag(group, number, DcmVR(vr)), kind, bytes, length);
    });
}

cdcm_status cdcm_put_sequence(cdcm_item *item, uint16_t group, uint16_t number) {
    return cdcm::guarded([&] {
        auto sequence = std::make_unique<DcmSequenceOfItems>(DcmTag(group, number, DcmVR(EVR_SQ)));
        const OFCondition condition = reinterpret_cast<DcmItem *>(item)->insert(sequence.get(), OFTrue);
        if (condition.bad()) return cdcm::statusOf(condition), CDCM_CANNOT_WRITE;
        sequence.release();
        return CDCM_OK;
    });
}

cdcm_status cdcm_append_item(cdcm_item *item, uint16_t group, uint16_t number, cdcm_item **out) {
    *out = nullptr;
    return cdcm::guarded([&] {
        DcmSequenceOfItems *sequence = nullptr;
        OFCondition condition =
            reinterpret_cast<DcmItem *>(item)->findAndGetSequence(DcmTagKey(group, number), sequence);
        if (condition.bad()) return cdcm::statusOf(condition), CDCM_CANNOT_WRITE;
        auto child = std::make_unique<DcmItem>();
        condition = sequence->append(child.get());
        if (condition.bad()) return cdcm::statusOf(condition), CDCM_CANNOT_WRITE;
        *out = reinterpret_cast<cdcm_item *>(child.release());
        return CDCM_OK;
    });
}

cdcm_status cdcm_save(cdcm_file *file, const char *path, const char *transfer_syntax,
                      const char *implementation_class_uid, const char *implementation_version) {
    return cdcm::guarded([&]() -> cdcm_status {
        const E_TransferSyntax syntax = writable(transfer_syntax);
        if (syntax == EXS_Unknown) return CDCM_UNSUPPORTED;
        OFCondition condition =
            fillMetaInformation(file->format, syntax, implementation_class_uid, implementation_version);
        if (condition.good()) {
            condition = file->format.saveFile(OFFilename(path), syntax, EET_ExplicitLength, EGL_withoutGL,
                                              EPD_withoutPadding, 0, 0, EWM_dontUpdateMeta);
        }
        return condition.good() ? CDCM_OK : (cdcm::statusOf(condition), CDCM_CANNOT_WRITE);
    });
}

cdcm_status cdcm_encode(cdcm_file *file, const char *transfer_syntax, const void **bytes, size_t *length) {
    *bytes = nullptr;
    *length = 0;
    return cdcm::guarded([&]() -> cdcm_status {
        const E_TransferSyntax syntax = writable(transfer_syntax);
        if (syntax == EXS_Unknown) return CDCM_UNSUPPORTED;
        DcmDataset &dataSet = *file->format.getDataset();
        const OFCondition condition = encode(dataSet, syntax, file->encoded);
        dataSet.clear();
        if (condition.bad()) return cdcm::statusOf(condition), CDCM_CANNOT_WRITE;
        *bytes = file->encoded.data();
        *length = file->encoded.size();
        return CDCM_OK;
    });
}

}  // extern "C"
