import Dicom
import Foundation
import Platform
import Report

/// What shall be written, and how.
package struct ExportOptions: Codable, Sendable, Equatable {
    package var holes: HoleProfile = .keyhole
    package var writesSegmentation = true
    package var writesNifti = true
    package var writesPictures = true
    /// A product is released when the mask read back from it agrees with ours to this Dice.
    package var minimumRoundTripDice = 0.999
    /// Tolerances of surface Dice, mm.
    package var tolerancesMM: [Double] = [1, 2, 3]

    package init() {}

    /// As for `AdmissionLimits`: options that came later have their defaults.
    package init(from decoder: any Decoder) throws {
        self.init()
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try values.read(.holes, into: &holes)
        try values.read(.writesSegmentation, into: &writesSegmentation)
        try values.read(.writesNifti, into: &writesNifti)
        try values.read(.writesPictures, into: &writesPictures)
        try values.read(.minimumRoundTripDice, into: &minimumRoundTripDice)
        try values.read(.tolerancesMM, into: &tolerancesMM)
    }
}

/// Everything that decides a Run: written to `run-<n>/request.json` before its first stage and never changed.
package struct RunRequest: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable {
        /// Contours a CT.
        case contouring
        /// Scores an earlier Run against a reference that came later.
        case evaluation
    }

    package var kind: Kind = .contouring
    /// The series' number in the queue; 0 without a queue. For logs, which name no UID.
    package var seriesNumber: Int64
    package var revision: Int
    /// CT images, absolute paths.
    package var dicomFiles: [String]
    /// RT Structure Sets, Segmentations or NIfTI files to score against, absolute paths.
    package var referenceFiles: [String]
    package var modelDirectory: String
    package var modelDigest: String
    package var configurationDigest: String
    package var softwareVersion: String
    package var admission: AdmissionLimits
    package var export: ExportOptions
    /// Name of the folder in the outbox.
    package var deliveredName: String
    /// Recorded once, so that a repeated stage gives the same dates.
    package var createdAt: Date
    package var threads: Int
    /// Instances of the whole Series at hand, where it has several stacks.
    package var seriesInstanceCount: Int?
    /// What the headers say about the stack, so that a refusal can name it without reading its files.
    package var series: CaseReport.SeriesSummary?
    /// Localizers of the Series that are not among `dicomFiles`.
    package var localizersSetAside: Int?
    /// Why the Series is refused, whatever this stack of it is like.
    package var refusals: [AdmissionFinding]?
    /// What was found beside the images when they came.
    package var dropFindings: [DropFinding]?
    /// The Run folder whose results an evaluation scores.
    package var baseRunDirectory: String?
    /// Of an evaluation: its reference came before the contours that it scores were delivered, so that nobody edited them.
    package var referenceCameFirst: Bool?
    /// Run folders of the other results of the CT: contours of theirs that come back are no reference.
    package var otherRunDirectories: [String]?
    /// SHA-256 of files by path, as they were taken: a file with other bytes is not used. Files that are not named are not
    /// compared.
    package var fileDigests: [String: String]?

    package init(
        seriesNumber: Int64,
        revision: Int,
        dicomFiles: [String],
        referenceFiles: [String],
        modelDirectory: String,
        modelDigest: String,
        configurationDigest: String,
        softwareVersion: String,
        admission: AdmissionLimits,
        export: ExportOptions,
        deliveredName: String,
        createdAt: Date,
        threads: Int
    ) {
        self.seriesNumber = seriesNumber
        self.revision = revision
        self.dicomFiles = dicomFiles
        self.referenceFiles = referenceFiles
        self.modelDirectory = modelDirectory
        self.modelDigest = modelDigest
        self.configurationDigest = configurationDigest
        self.softwareVersion = softwareVersion
        self.admission = admission
        self.export = export
        self.deliveredName = deliveredName
        self.createdAt = createdAt
        self.threads = threads
    }
}

/// JSON as all our files hold it: sorted keys, ISO 8601 times in UTC with milliseconds.
package enum RunJSON {
    package static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(text(of: date))
        }
        return try encoder.encode(value)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let date = try? Date(text, strategy: style) else {  // the error below says which text
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: "no time: \(text)")
                )
            }
            return date
        }
        return try decoder.decode(type, from: data)
    }

    package static func text(of date: Date) -> String { date.formatted(style) }

    private static var style: Date.ISO8601FormatStyle { Date.ISO8601FormatStyle(includingFractionalSeconds: true) }
}
