/// From stored values to Hounsfield units (PS3.3 C.11.1 and C.7.5.1.1.2).
///
/// Padding is replaced *before* the rescale: a padded pixel has no value, and interpolating its -3024 HU into
/// the skin would be wrong.
package struct HounsfieldConversion: Sendable, Hashable {
    /// What padded pixels become: air.
    package static let airHU: Int16 = -1000

    package var slope: Double
    package var intercept: Double
    /// Stored values that mean "no pixel here".
    package var padding: ClosedRange<Int>?
    /// Values up to this are no tissue and no air: padding that the header does not declare.
    package var undeclaredPaddingHU: Double

    package init(slope: Double, intercept: Double, padding: ClosedRange<Int>?, undeclaredPaddingHU: Double) {
        self.slope = slope
        self.intercept = intercept
        self.padding = padding
        self.undeclaredPaddingHU = undeclaredPaddingHU
    }

    /// The conversion of one frame; `nil` where slope or intercept is missing or unusable.
    package init?(_ header: InstanceHeader, frame: Int, limits: AdmissionLimits) {
        guard header.frames.indices.contains(frame) else { return nil }
        guard let slope = header.frames[frame].rescaleSlope, let intercept = header.frames[frame].rescaleIntercept,
            slope != 0
        else { return nil }
        self.init(
            slope: slope,
            intercept: intercept,
            padding: Self.paddingRange(header),
            undeclaredPaddingHU: limits.undeclaredPaddingHU
        )
    }

    /// Pixel Padding Value up to Pixel Padding Range Limit, in either order.
    package static func paddingRange(_ header: InstanceHeader) -> ClosedRange<Int>? {
        guard let value = header.pixelPaddingValue else { return nil }
        let limit = header.pixelPaddingRangeLimit ?? value
        return min(value, limit)...max(value, limit)
    }

    /// The rescaled value, clamped to Int16; `nil` for padding.
    package func hounsfield(_ stored: Int32) -> Int16? {
        if let padding, padding.contains(Int(stored)) { return nil }
        let value = (Double(stored) * slope + intercept).rounded()
        if value <= undeclaredPaddingHU { return nil }
        return Int16(max(-32768, min(32767, value)))
    }

    /// Converts a frame into `output` and counts what the values look like.
    func convert(_ stored: [Int32], into output: UnsafeMutableBufferPointer<Int16>, limits: AdmissionLimits) -> HUCounts
    {
        var counts = HUCounts()
        for index in stored.indices { output[index] = hounsfield(stored[index], counting: &counts, limits) }
        return counts
    }

    /// The rescaled value, air for padding, and one more of its kind.
    package func hounsfield(_ stored: Int32, counting counts: inout HUCounts, _ limits: AdmissionLimits) -> Int16 {
        guard let value = hounsfield(stored) else {
            counts.padded += 1
            return Self.airHU
        }
        counts.add(Double(value), limits)
        return value
    }
}

/// How many voxels look like what a CT of a patient must hold.
package struct HUCounts: Codable, Sendable, Hashable {
    package var padded = 0
    package var air = 0
    package var softTissue = 0
    package var impossible = 0
    package var other = 0

    package init() {}

    package var valid: Int { air + softTissue + impossible + other }

    mutating func add(_ value: Double, _ limits: AdmissionLimits) {
        if limits.airHU.contains(value) {
            air += 1
        } else if limits.softTissueHU.contains(value) {
            softTissue += 1
        } else if limits.possibleHU.contains(value) {
            other += 1
        } else {
            impossible += 1
        }
    }

    /// Why these are no values of a patient in Hounsfield units; empty where they may be.
    package func refusals(_ limits: AdmissionLimits) -> [AdmissionFinding] {
        let all = Double(max(valid, 1))
        var messages: [String] = []
        if Double(impossible) / all > limits.maximumImpossibleFraction {
            messages.append("Too many values are no possible Hounsfield units.")
        }
        if Double(air) / all < limits.minimumAirFraction {
            messages.append("There is no air in the images, so the values are not Hounsfield units.")
        }
        if Double(softTissue) / all < limits.minimumSoftTissueFraction {
            messages.append("There is no soft tissue in the images, so the values are not Hounsfield units.")
        }
        return messages.map { message in
            AdmissionFinding(
                .refusal,
                "E_NOT_HU",
                message,
                hint: "Send the original CT images; check Rescale Slope and Intercept."
            )
        }
    }

    static func + (left: HUCounts, right: HUCounts) -> HUCounts {
        var sum = left
        sum.padded += right.padded
        sum.air += right.air
        sum.softTissue += right.softTissue
        sum.impossible += right.impossible
        sum.other += right.other
        return sum
    }
}
