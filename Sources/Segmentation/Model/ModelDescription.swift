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
    /// How it was trained; MODEL_CARD.md says the same in words.
    package var training: TrainingSummary?

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

/// The network: the U-Net of Ronneberger as Keras-Unet's `custom_unet` builds it, with its options.
package struct Architecture: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable { case customUNet = "custom_unet" }
    package enum DropoutType: String, Codable, Sendable { case spatial, standard }
    /// `deconv`: transposed 2x2 convolution with stride 2; `simple`: nearest-neighbour upsampling by 2.
    package enum Upsampling: String, Codable, Sendable { case deconv, simple }

    package var kind: Kind
    /// Features of the first level; each level below has twice as many.
    package var filters: Int
    /// Number of poolings; the picture's sides must be multiples of `2^layers`.
    package var layers: Int
    /// Batch normalisation, which in `custom_unet` stands after the activation.
    package var batchNorm: Bool
    package var dropout: Double
    /// Added to the dropout rate at each level downwards.
    package var dropoutChangePerLayer: Double
    package var dropoutType: DropoutType
    /// Dropout in the decoder too.
    package var dropoutOnUpsampling: Bool
    package var upsampling: Upsampling

    package init(
        kind: Kind = .customUNet,
        filters: Int = 16,
        layers: Int = 4,
        batchNorm: Bool = true,
        dropout: Double = 0.3,
        dropoutChangePerLayer: Double = 0,
        dropoutType: DropoutType = .spatial,
        dropoutOnUpsampling: Bool = false,
        upsampling: Upsampling = .deconv
    ) {
        self.kind = kind
        self.filters = filters
        self.layers = layers
        self.batchNorm = batchNorm
        self.dropout = dropout
        self.dropoutChangePerLayer = dropoutChangePerLayer
        self.dropoutType = dropoutType
        self.dropoutOnUpsampling = dropoutOnUpsampling
        self.upsampling = upsampling
    }
}

/// How the network wants to see a CT.
package struct InputDescription: Codable, Sendable, Equatable {
    package enum Plane: String, Codable, Sendable { case axial }
    /// What the middle of the network's picture is laid on.
    package enum Centre: String, Codable, Sendable {
        /// The middle of the patient's body (`bodyCentre(of:)`), so that a patient at the edge of a large
        /// field of view is seen as one in the middle.
        case body
        /// The middle of the CT grid.
        case grid
    }

    package var plane: Plane
    /// Uniform size of the picture; the CT is padded with air or cropped to it.
    package var columns: Int
    package var rows: Int
    /// In-plane spacing, mm, along patient left (i) and posterior (j).
    package var pixelSpacingMM: Double
    package var sliceSpacing: SliceSpacing
    /// Slices above and below that the network sees as extra channels; 0 is a pure 2D network.
    package var neighbourSlices: Int
    /// Distance of those neighbours in mm, whatever the slice spacing of the CT: values between slices are
    /// interpolated, beyond the last slice the last slice is repeated.
    package var neighbourDistanceMM: Double
    package var centre: Centre
    /// HU are clipped to this window and scaled to 0...1.
    package var windowHU: ClosedInterval

    package init(
        plane: Plane = .axial,
        columns: Int,
        rows: Int,
        pixelSpacingMM: Double,
        sliceSpacing: SliceSpacing = .native,
        neighbourSlices: Int = 0,
        neighbourDistanceMM: Double = 5,
        centre: Centre = .body,
        windowHU: ClosedInterval
    ) {
        self.plane = plane
        self.columns = columns
        self.rows = rows
        self.pixelSpacingMM = pixelSpacingMM
        self.sliceSpacing = sliceSpacing
        self.neighbourSlices = neighbourSlices
        self.neighbourDistanceMM = neighbourDistanceMM
        self.centre = centre
        self.windowHU = windowHU
    }

    /// Channels that the network receives.
    package var channels: Int { 1 + 2 * neighbourSlices }
}

/// Distance of the slices that the network sees.
package enum SliceSpacing: Sendable, Equatable {
    /// The CT's own slices.
    case native
    /// Every n-th slice of the CT, n the largest number for which the distance stays at or below this, mm.
    /// Thin slices cost time and add nothing; thick ones are used as they are.
    case nativeUpTo(millimetres: Double)
    /// Resampled linearly to this distance, mm.
    case fixed(millimetres: Double)
}

/// Two numbers, the lower first.
package struct ClosedInterval: Codable, Sendable, Equatable {
    package var lower: Double
    package var upper: Double

    package init(_ lower: Double, _ upper: Double) {
        self.lower = lower
        self.upper = upper
    }

    package func contains(_ value: Double) -> Bool { value >= lower && value <= upper }
}

/// What the network's channels mean.
package struct OutputDescription: Codable, Sendable, Equatable {
    package enum Activation: String, Codable, Sendable {
        /// Channel 0 is background, channel n the ROI with label n; the scores of a pixel sum to one.
        case softmax
        /// Channel n - 1 is the ROI with label n; no background channel.
        case sigmoid
    }

    package var activation: Activation
    /// Softmax: a voxel is foreground where the foreground's scores together exceed this, and then belongs to
    /// the ROI with the highest score. Sigmoid: the highest score must itself exceed it.
    package var threshold: Double
    /// What is reported when no structure was found, for example `no lung found`.
    package var emptyMessage: String

    package init(activation: Activation, threshold: Double = 0.5, emptyMessage: String) {
        self.activation = activation
        self.threshold = threshold
        self.emptyMessage = emptyMessage
    }
}
