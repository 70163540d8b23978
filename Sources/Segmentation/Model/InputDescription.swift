import NeuralNet
import Platform

/// How the network wants to see a CT.
package struct InputDescription: Codable, Sendable, Equatable {
    package enum Plane: String, NamedChoice, Sendable { case axial }
    /// What the middle of the network's picture is laid on.
    package enum Centre: String, NamedChoice, Sendable {
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
    /// Makes the network one of three dimensions that sees the volume in patches; without it the network sees whole
    /// slices.
    package var patch: Patch?
    /// Which part of the grid the network is run on.
    package var crop: CropDescription

    package init(
        plane: Plane = .axial,
        columns: Int,
        rows: Int,
        pixelSpacingMM: Double,
        sliceSpacing: SliceSpacing = .native,
        neighbourSlices: Int = 0,
        neighbourDistanceMM: Double = 5,
        centre: Centre = .body,
        windowHU: ClosedInterval,
        patch: Patch? = nil,
        crop: CropDescription = .standard
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
        self.patch = patch
        self.crop = crop
    }

    /// `crop` may be missing: packages made before there was cropping say nothing about it.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        plane = try container.decode(Plane.self, forKey: .plane)
        columns = try container.decode(Int.self, forKey: .columns)
        rows = try container.decode(Int.self, forKey: .rows)
        pixelSpacingMM = try container.decode(Double.self, forKey: .pixelSpacingMM)
        sliceSpacing = try container.decode(SliceSpacing.self, forKey: .sliceSpacing)
        neighbourSlices = try container.decode(Int.self, forKey: .neighbourSlices)
        neighbourDistanceMM = try container.decode(Double.self, forKey: .neighbourDistanceMM)
        centre = try container.decode(Centre.self, forKey: .centre)
        windowHU = try container.decode(ClosedInterval.self, forKey: .windowHU)
        patch = try container.decodeIfPresent(Patch.self, forKey: .patch)
        crop = try container.decodeIfPresent(CropDescription.self, forKey: .crop) ?? .standard
    }

    /// The block of voxels that a network of three dimensions sees at once. Where the volume has fewer slices, the
    /// first and the last are repeated.
    package struct Patch: Codable, Sendable, Equatable {
        package var columns: Int
        package var rows: Int
        package var slices: Int
        /// Part of a patch that its neighbour covers as well, in each direction; nnU-Net's is 0.5.
        package var overlap: Double

        package init(columns: Int, rows: Int, slices: Int, overlap: Double = 0.5) {
            self.columns = columns
            self.rows = rows
            self.slices = slices
            self.overlap = overlap
        }

        /// First slice of the patch that has a slice nearest to its middle and lies within a volume of some slices, as the windows of
        /// inference do; negative where the volume has fewer slices than the patch.
        package func firstSlice(around slice: Int, of count: Int) -> Int {
            count > slices ? min(max(slice - slices / 2, 0), count - slices) : -((slices - count) / 2)
        }
    }

    /// Channels that the network receives.
    package var channels: Int { 1 + 2 * neighbourSlices }

    /// Dimensions of the network: 2 for slices, 3 for patches.
    package var dimensions: Int { patch == nil ? 2 : 3 }

    /// Size of one sample that the network sees.
    package var networkExtent: Axes {
        patch.map { Axes(depth: $0.slices, height: $0.rows, width: $0.columns) }
            ?? Axes(height: rows, width: columns)
    }
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
    package enum Activation: String, NamedChoice, Sendable {
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
