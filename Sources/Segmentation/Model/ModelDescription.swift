/// What `model.json` of a model package says: everything that inference needs beside the weights.
///
/// The JSON Schema is docs/schemas/model.schema.json. Nothing about a structure (name, colour, code,
/// clean-up) is written in code; it all comes from here.
package struct ModelDescription: Codable, Sendable, Equatable {
    /// The version of the format that this software reads and writes.
    package static let currentSchemaVersion = 1

    package var schemaVersion: Int
    /// Name of the package and of its folder: letters, digits, `-` and `_`.
    package var name: String
    /// Version of the model itself, for example `1.0.0`.
    package var version: String
    /// One sentence for people: what it contours, on what.
    package var summary: String
    package var architecture: Architecture
    package var input: InputDescription
    package var output: OutputDescription
    package var rois: [ROIDescription]
    /// Structures made from others after inference; they are no label of their own.
    package var derivedROIs: [DerivedROI]
    /// Names of the derived structures with the names of their parts.
    package var unions: [(name: String, members: [String])] { derivedROIs.map { ($0.name, $0.union) } }
    /// How it was trained; MODEL_CARD.md says the same in words.
    package var training: TrainingSummary?
    /// SHA-256 of `weights.safetensors`, lower-case hex; nil where nobody wrote it down. Weights that were damaged can still be
    /// numbers, and give contours that look right.
    package var weightsDigest: String?
    /// Whether it is shown only: never chosen by default, and its results are for no patient.
    package var isDemonstration: Bool { training?.demonstration ?? false }

    package init(
        name: String,
        version: String,
        summary: String,
        architecture: Architecture,
        input: InputDescription,
        output: OutputDescription,
        rois: [ROIDescription],
        derivedROIs: [DerivedROI],
        training: TrainingSummary? = nil
    ) {
        self.schemaVersion = Self.currentSchemaVersion
        self.name = name
        self.version = version
        self.summary = summary
        self.architecture = architecture
        self.input = input
        self.output = output
        self.rois = rois
        self.derivedROIs = derivedROIs
        self.training = training
    }
}
