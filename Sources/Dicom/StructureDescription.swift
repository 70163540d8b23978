/// A coded term (PS3.3 section 8.8): a code, the scheme it is from, and its meaning in words.
package struct CodedTerm: Codable, Sendable, Hashable {
    package var value: String
    package var scheme: String
    package var meaning: String

    package init(value: String, scheme: String, meaning: String) {
        self.value = value
        self.scheme = scheme
        self.meaning = meaning
    }

    /// A code sequence of one item.
    var item: DataSet {
        var item = DataSet()
        item.set(.codeValue, .SH, value)
        item.set(.codingSchemeDesignator, .SH, scheme)
        item.set(.codeMeaning, .LO, meaning)
        return item
    }
}

/// What our products say of a structure beside its shape.
package struct StructureDescription: Codable, Sendable, Hashable {
    /// TG-263 name; at most 16 characters, unique in a structure set.
    package var name: String
    /// Display colour, 0...255 each.
    package var red: Int
    package var green: Int
    package var blue: Int
    /// RT ROI Interpreted Type (PS3.3 C.8.8.8.1), for example `ORGAN`.
    package var interpretedType: String
    package var category: CodedTerm
    package var type: CodedTerm
    /// Laterality, where the type has one.
    package var modifier: CodedTerm?

    package init(
        name: String,
        red: Int,
        green: Int,
        blue: Int,
        interpretedType: String = "ORGAN",
        category: CodedTerm,
        type: CodedTerm,
        modifier: CodedTerm? = nil
    ) {
        self.name = name
        self.red = red
        self.green = green
        self.blue = blue
        self.interpretedType = interpretedType
        self.category = category
        self.type = type
        self.modifier = modifier
    }

    /// SCT 123037004, the category of organs in CID 7150.
    package static let anatomicalStructure = CodedTerm(
        value: "123037004",
        scheme: "SCT",
        meaning: "Anatomical Structure"
    )
}

/// Who made a product, when, from which CT, and under which identity.
package struct ProductDescription: Sendable {
    /// Attributes of the CT that are repeated exactly. Patient data.
    package var reference: ReferenceAttributes
    /// In k order of the geometry.
    package var slices: [SliceReference]
    package var seriesInstanceUID: String
    package var sopInstanceUID: String
    package var seriesNumber: Int
    /// Model name and version, for example `lungs 1.0.0`.
    package var algorithmName: String
    package var softwareVersion: String
    /// DICOM date and time of the result: of the CT's Series or of the delivery recorded once.
    package var date: String
    package var time: String
    /// From 1; a later one takes the place of those before it.
    package var revision = 1
    /// Made by a model that is shown and never used for patients: every text for people says so instead of anything else.
    package var isDemonstration = false

    package init(
        reference: ReferenceAttributes,
        slices: [SliceReference],
        seriesInstanceUID: String,
        sopInstanceUID: String,
        seriesNumber: Int,
        algorithmName: String,
        softwareVersion: String,
        date: String,
        time: String
    ) {
        self.reference = reference
        self.slices = slices
        self.seriesInstanceUID = seriesInstanceUID
        self.sopInstanceUID = sopInstanceUID
        self.seriesNumber = seriesNumber
        self.algorithmName = algorithmName
        self.softwareVersion = softwareVersion
        self.date = date
        self.time = time
    }

    /// Patient, study and frame of reference of the CT, and the equipment and series modules of the product.
    func commonModules(sopClassUID: String, modality: String, seriesDescription: String) -> DataSet {
        var dataSet = DataSet()
        dataSet.copy(ProductDescription.copiedTags, from: reference.dataSet)
        for (tag, vr) in ProductDescription.requiredButMayBeEmpty where dataSet[tag] == nil {
            dataSet.set(tag, vr, nil)
        }
        dataSet.set(.sopClassUID, .UI, sopClassUID)
        dataSet.set(.sopInstanceUID, .UI, sopInstanceUID)
        dataSet.set(.instanceCreationDate, .DA, date)
        dataSet.set(.instanceCreationTime, .TM, time)
        dataSet.set(.modality, .CS, modality)
        dataSet.set(.seriesInstanceUID, .UI, seriesInstanceUID)
        dataSet.set(.seriesNumber, .IS, integer: seriesNumber)
        dataSet.set(.seriesDate, .DA, date)
        dataSet.set(.seriesTime, .TM, time)
        dataSet.set(.seriesDescription, .LO, seriesDescription)
        dataSet.set(.manufacturer, .LO, "contourd")
        dataSet.set(.manufacturerModelName, .LO, "contourd")
        dataSet.set(.deviceSerialNumber, .LO, "1")
        dataSet.set(.softwareVersions, .LO, softwareVersion)
        return dataSet
    }

    /// `text`, or the warning of a demonstration, and which revision this is: nothing for the first. At most 64 characters (LO)
    /// for a text of 50.
    func caption(_ text: String) -> String {
        let text = isDemonstration ? "contourd DEMONSTRATION, NOT FOR PATIENTS" : text
        return revision > 1 ? "\(text), revision \(revision)" : text
    }

    /// Of what is kept of the CT, the part that describes patient, study and frame of reference.
    private static let copiedTags = ReferenceAttributes.copiedTags.filter {
        ![
            .seriesInstanceUID, .seriesNumber, .seriesDescription, .acquisitionDate, .acquisitionTime, .contentDate,
            .contentTime, .patientPosition, .modality,
            .lossyImageCompression, .lossyImageCompressionRatio, .lossyImageCompressionMethod,
        ].contains($0)
    }

    private static let requiredButMayBeEmpty: [(Tag, VR)] = [
        (.patientName, .PN), (.patientID, .LO), (.patientBirthDate, .DA), (.patientSex, .CS), (.studyDate, .DA),
        (.studyTime, .TM), (.referringPhysicianName, .PN), (.studyID, .SH), (.accessionNumber, .SH),
        (.positionReferenceIndicator, .LO),
    ]
}
