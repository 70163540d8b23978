import Dicom
import Platform
import Report

/// Where a file lies that may have been sent with the images of a folder: in that folder or below it, or in a folder
/// beside it, as exports divide a series. What lies in the root itself, where everybody drops, has no folders beside it.
package struct Surroundings {
    private let folder: String
    private let isRoot: Bool

    package init(ofImagesIn folder: String, root: String) {
        let above = Directory.parent(of: folder)
        isRoot = folder == root
        self.folder = isRoot || above == root ? folder : above
    }

    package func contain(_ path: String) -> Bool {
        isRoot ? Directory.parent(of: path) == folder : path.hasPrefix(folder + "/")
    }
}

/// How the files of a scan are named. What holds too little to say what it is, is told from the signs and notes of other
/// programs by that: a failed copy of an image is named like the others, but for its number.
package struct ImageNames {
    private let patterns: Set<String>

    package init(of paths: [String]) { patterns = Set(paths.map { Self.pattern(Directory.name(of: $0)) }) }

    /// A usual ending of DICOM files says enough.
    package func fit(_ path: String) -> Bool {
        let name = Directory.name(of: path)
        return [".dcm", ".dicom", ".ima"].contains(where: name.lowercased().hasSuffix)
            || patterns.contains(Self.pattern(name))
    }

    /// The name with each number in it as one sign, and each digest (eight and more hexadecimal digits), too.
    private static func pattern(_ name: String) -> String {
        name.lowercased().replacing(#/[0-9a-f]{8,}|[0-9]+/#, with: "#").replacing(#/#+/#, with: "#")
    }
}

/// What was found beside the images of a Series; the report tells it as its own.
package typealias DropFinding = CaseReport.Finding

extension DropFinding {
    /// Files came with the images and could not be read.
    package static func filesNotRead(_ count: Int, details: [String]) -> DropFinding {
        let kept = details.prefix(AdmissionFinding.maximumDetails)
        return DropFinding(
            severity: .review,
            code: "W_FILES_NOT_READ",
            structure: nil,
            message: """
                \(count) \(count == 1 ? "file" : "files") came with the images and could not be read, or \
                \(count == 1 ? "is" : "are") no CT: the scan may be incomplete.
                """,
            hint: "Compare the number of slices with the archive; if some are missing, send those files again.",
            details: kept + (details.count > kept.count ? ["and \(details.count - kept.count) more"] : [])
        )
    }

    /// Images of another Series have the same SOP Instance UIDs.
    package static func reusedUIDs(_ count: Int) -> DropFinding {
        DropFinding(
            severity: .review,
            code: "W_REUSED_UIDS",
            structure: nil,
            message: """
                \(count) \(count == 1 ? "image has a SOP Instance UID" : "images have SOP Instance UIDs") of another \
                series: programs may show the contours on the wrong one.
                """,
            hint: "Have the system that copied the series export it with UIDs of its own.",
            details: []
        )
    }
}

extension AdmissionFinding {
    /// Images came, or came once more, after others of the series had been deleted.
    package static func notSentAgain(_ count: Int) -> AdmissionFinding {
        AdmissionFinding(
            .refusal,
            "E_NOT_SENT_AGAIN",
            "\(count) images of the series came before, were deleted after their time, and did not come again with these.",
            hint: "Send the whole series. If it has fewer images now, export it with UIDs of its own."
        )
    }

    /// Images of the series came damaged, or could not be read for another reason.
    /// - Parameter images: one line each.
    package static func damagedImages(_ images: [String]) -> AdmissionFinding {
        AdmissionFinding(
            .refusal,
            "E_DAMAGED_IMAGES",
            images.count == 1
                ? "An image of the series could not be read: without it the scan is not complete."
                : "\(images.count) images of the series could not be read: without them the scan is not complete.",
            hint: "Send them again, whole; the others are kept.",
            details: images
        )
    }
}
