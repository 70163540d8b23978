import Foundation
import Imaging

/// One image file of a series: its header and what our products repeat from it.
struct CTImageFile: Sendable {
    var path: String
    var header: InstanceHeader
    var reference: ReferenceAttributes

    init(path: String) throws(DicomError) {
        let shim = try ShimFile(opening: path)
        var header = try InstanceHeader(shim)
        header.fileSize = Int64(shim.fileSize)
        self.path = path
        self.header = header
        reference = ReferenceAttributes(copying: try DicomFile(shim, until: .pixelData).dataSet)
    }
}

// Findings that need more than headers.

extension CTSeriesLoader {
    /// One file for each SOP Instance UID. Equal contents are dropped, different ones are a conflict.
    func withoutRepeats(_ images: [CTImageFile]) throws(DicomError) -> ([CTImageFile], [AdmissionFinding]) {
        var first: [String: Int] = [:]
        var kept: [CTImageFile] = []
        var conflicts: [String] = []
        for image in images {
            guard let earlier = first[image.header.sopInstanceUID] else {
                first[image.header.sopInstanceUID] = kept.count
                kept.append(image)
                continue
            }
            guard try !isSame(kept[earlier], image) else { continue }
            // The stack's own examination names its slices in the same words.
            let name = kept[earlier].header.instanceNumber.map { "slice \($0)" } ?? "slice without Instance Number"
            let detail = "\(name), SOP Instance UID \(image.header.sopInstanceUID)"
            if !conflicts.contains(detail) { conflicts.append(detail) }
        }
        if !conflicts.isEmpty {
            return (
                kept,
                [
                    AdmissionFinding(
                        .refusal,
                        "E_CONFLICTING_INSTANCES",
                        "Two files have one SOP Instance UID and different contents.",
                        hint: AdmissionFinding.sendAgainFromOneSource,
                        details: conflicts
                    )
                ]
            )
        }
        guard kept.count < images.count else { return (kept, []) }
        return (
            kept,
            [
                AdmissionFinding(
                    .warning,
                    "W_REPEATED_INSTANCES",
                    "\(images.count - kept.count) files came twice with the same contents and were used once.",
                    hint: ""
                )
            ]
        )
    }

    /// The same bytes, or the same image coded in another way. One that cannot be decoded is no other's equal.
    private func isSame(_ a: CTImageFile, _ b: CTImageFile) throws(DicomError) -> Bool {
        if a.header.fileSize == b.header.fileSize, FileManager.default.contentsEqual(atPath: a.path, andPath: b.path) {
            return true
        }
        guard a.header.describesSameImage(as: b.header), a.reference == b.reference else { return false }
        do {
            let left = try PixelReader(contentsOf: a.path)
            let right = try PixelReader(contentsOf: b.path)
            for frame in a.header.frames.indices {
                if try left.storedValues(frame: frame) != right.storedValues(frame: frame) { return false }
            }
            return true
        } catch DicomError.truncated, DicomError.corrupt { return false }
    }

    /// One patient and one study: a series that mixes them was put together wrongly.
    func examineIdentities(_ images: [CTImageFile]) -> [AdmissionFinding] {
        let tags: [Tag] = [.patientID, .patientName, .patientBirthDate, .patientSex, .studyInstanceUID]
        let differing = tags.filter { tag in Set(images.map { $0.reference.dataSet.strings(tag) }).count > 1 }
        guard !differing.isEmpty else { return [] }
        return [
            AdmissionFinding(
                .refusal,
                "E_SEVERAL_PATIENTS",
                "The images do not agree about the patient or the study.",
                hint: "Check the export: images of different patients or studies are mixed in one Series.",
                details: differing.map { "the attribute \($0) differs" }
            )
        ]
    }

    /// What the products cannot be better than.
    func examineSources(_ images: [CTImageFile]) -> [AdmissionFinding] {
        var findings: [AdmissionFinding] = []
        let lossy = images.count { $0.header.isLossy == true }
        if lossy > 0 {
            findings.append(
                AdmissionFinding(
                    .warning,
                    "W_LOSSY",
                    "\(lossy) of \(images.count) images were compressed with losses.",
                    hint: "Contours are only as good as the images: where there are original ones, send those."
                )
            )
        }
        let unknown = images.count { $0.header.isLossy == nil }
        if unknown > 0 {
            findings.append(
                AdmissionFinding(
                    .warning,
                    "W_LOSSY",
                    "\(unknown) of \(images.count) images may have been compressed with losses: they are JPEG 2000 and do not say.",
                    hint: "Where there are original images, send those."
                )
            )
        }
        let nameless: [Tag] = [.patientID, .patientName].filter { tag in
            images.contains { ($0.reference.dataSet.string(tag) ?? "").isEmpty }
        }
        if !nameless.isEmpty {
            let words = nameless.map { $0 == .patientID ? "Patient ID" : "Patient's Name" }
            findings.append(
                AdmissionFinding(
                    .warning,
                    "W_NO_PATIENT",
                    "Images have no \(words.joined(separator: " and no ")), and neither have the results.",
                    hint: "Before you import them, make sure whose they are: they may end up with another patient."
                )
            )
        }
        if images.contains(where: { $0.header.hasUnknownText == true }) {
            findings.append(
                AdmissionFinding(
                    .warning,
                    "W_CHARACTER_SET",
                    "Text of the header is in no character set that the images declare; it was read as Latin-1.",
                    hint: "Compare the patient's name in the results with that of the images before you import them."
                )
            )
        }
        return findings
    }

    /// Do the values look like a CT of a patient in Hounsfield units?
    func examineValues(_ counts: HUCounts, _ images: [CTImageFile]) -> [AdmissionFinding] {
        let findings = counts.refusals(limits)
        guard counts.padded > 0, let padding = paddingInTissue(images) else { return findings }
        return findings + [
            AdmissionFinding(
                .refusal,
                "E_PADDING_IN_TISSUE",
                "The declared Pixel Padding Value means \(padding) HU, a value of tissue.",
                hint: "Remove the attribute Pixel Padding Value, or send the original CT images."
            )
        ]
    }

    /// The HU that the declared padding would have had, where that is in the range of tissue.
    private func paddingInTissue(_ images: [CTImageFile]) -> Int? {
        for image in images {
            guard let padding = HounsfieldConversion.paddingRange(image.header),
                let slope = image.header.rescaleSlope, let intercept = image.header.rescaleIntercept
            else { continue }
            for bound in [padding.lowerBound, padding.upperBound] {
                let value = Double(bound) * slope + intercept
                if limits.paddingMayNotBeHU.contains(value) { return Int(value) }
            }
        }
        return nil
    }
}

/// Whether images of one Series are of several patients or studies, whatever stacks it is divided into.
package func identityFindings(_ headers: [InstanceHeader]) -> [AdmissionFinding] {
    guard Set(headers.compactMap(\.identityMark)).count > 1 else { return [] }
    return [
        AdmissionFinding(
            .refusal,
            "E_SEVERAL_PATIENTS",
            "The images of the series do not agree about the patient or the study.",
            hint: "Check the export: images of different patients or studies are mixed in one Series."
        )
    ]
}
