import Dicom
import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("Faults")
struct FaultTests {
    static let table: [(any Error & Sendable, Fault.Kind, String)] = [
        (DicomError.truncated, .permanent, "E_TRUNCATED"),
        (DicomError.notDicom, .permanent, "E_NOT_DICOM"), (DicomError.tooShort, .permanent, "E_TOO_SHORT"),
        (DicomError.noPreamble, .permanent, "E_NO_PREAMBLE"),
        (DicomError.corrupt(reason: "x"), .permanent, "E_CORRUPT"),
        (DicomError.invalidUID(.sopInstanceUID), .permanent, "E_INVALID_UID"),
        (DicomError.unsupportedTransferSyntax(uid: "1.2"), .permanent, "E_TRANSFER_SYNTAX"),
        (DicomError.missingAttribute(.rows), .permanent, "E_MISSING_ATTRIBUTE"),
        (
            DicomError.refused([AdmissionFinding(.refusal, "E_GANTRY_TILT", "m", hint: "h", details: ["slice 3"])]),
            .permanent, "E_GANTRY_TILT"
        ),
        (DicomError.cannotOpen(reason: "x"), .transient, "E_CANNOT_OPEN"),
        (DicomError.outOfMemory, .transient, "E_OUT_OF_MEMORY"),
        (DicomError.dictionaryMissing, .operator, "E_DICTIONARY_MISSING"),
        (DicomError.cancelled, .interrupted, "E_INTERRUPTED"),
        (SystemError("write", code: ENOSPC, path: "/in/Miller"), .operator, "E_NO_SPACE"),
        (SystemError("write", code: EDQUOT, path: "/in/Miller"), .operator, "E_NO_SPACE"),
        (SystemError("open", code: EACCES, path: "/in/Miller"), .operator, "E_PERMISSION"),
        (SystemError("open", code: EROFS, path: "/in/Miller"), .operator, "E_PERMISSION"),
        (SystemError("mmap", code: ENOMEM, path: "/in/Miller"), .transient, "E_OUT_OF_MEMORY"),
        (SystemError("read", code: EIO, path: "/in/Miller"), .transient, "E_SYSTEM"),
        (SegmentationError.cancelled, .interrupted, "E_INTERRUPTED"),
        (SegmentationError.missingFile(path: "/in/Miller/model.json"), .operator, "E_MODEL"),
        (
            VolumeFileError.wrongSize(path: "/in/Miller/ct.raw", expectedBytes: 2, foundBytes: 1), .transient,
            "E_WORK_FILE"
        ),
        (StructureError.nothingToWrite, .bug, "E_PRODUCT"),
        (StructureError.unreadable(reason: "x"), .permanent, "E_UNUSABLE_OBJECT"),
        (NiftiError.unreadable(reason: "x"), .permanent, "E_UNUSABLE_OBJECT"),
        (NiftiError.cannotWrite(reason: "x"), .transient, "E_CANNOT_WRITE"),
        (CocoaError(.fileWriteOutOfSpace), .operator, "E_NO_SPACE"),
        (CocoaError(.fileReadNoPermission), .operator, "E_PERMISSION"),
        (Fault(.operator, "E_X", "m", hint: "h"), .operator, "E_X"),
    ]

    @Test("every error has its kind and code, words for people, and no path that could name a patient")
    func classification() {
        for (error, kind, code) in Self.table {
            let fault = classify(error)
            #expect(fault.kind == kind && fault.code == code, "\(error): \(fault)")
            #expect(!fault.message.isEmpty)
            #expect(!fault.hint.isEmpty || kind == .interrupted, "\(code) has no hint")
            let everything = ([fault.message, fault.hint] + fault.details).joined(separator: " ")
            #expect(!everything.contains("Miller") && !everything.contains("/in/"), "\(everything)")
        }
    }

    @Test("an error that nobody knows is our mistake")
    func unknown() {
        struct Strange: Error {}
        let fault = classify(Strange())
        #expect(fault.kind == .bug && fault.code == "E_INTERNAL" && fault.message.contains("Strange"))
    }

    @Test("a refusal lists each reason with its slices")
    func refusal() {
        let fault = classify(
            DicomError.refused([
                AdmissionFinding(.warning, "W_X", "not told", hint: ""),
                AdmissionFinding(.refusal, "E_A", "First.", hint: "Do this.", details: ["slice 3", "slice 4"]),
                AdmissionFinding(.refusal, "E_B", "Second.", hint: "Do that."),
            ])
        )
        #expect(fault.message == "First. Second." && fault.hint == "Do this. Do that.")
        #expect(fault.details == ["E_A: First.", "  slice 3", "  slice 4", "E_B: Second."])
    }

    @Test("a refusal folder is written once and never changed")
    func refusalFolder() throws {
        let bench = try Workbench()
        let run = try bench.prepare("a", images: [])
        let request = try run.request()
        try writeRefusal(Fault(.permanent, "E_ONE", "one", hint: "h"), request: request, to: run)
        try writeRefusal(Fault(.permanent, "E_TWO", "two", hint: "h"), request: request, to: run)
        let text = String(decoding: try contents(run.refusalDirectory + "/REFUSED.txt"), as: UTF8.self)
        #expect(text.contains("E_ONE") && !text.contains("E_TWO"))
        #expect(try names(in: run.refusalDirectory) == ["REFUSED.txt", "report.json"])
    }
}
